import type { DeadLetter, DeadLetterFilter, StoredDeadLetter } from './domain/dead-letter.js';
import { redactLetter } from './domain/redact.js';
import type { ModelViews } from './model-views.js';
import { DeadLetterStore } from './ports.js';

/** Keeps what redacting models sent out of the letters that are added at the door, where no batch is built. */
export class RedactingDeadLetterStore extends DeadLetterStore {
  constructor(
    private readonly letters: DeadLetterStore,
    private readonly views: ModelViews,
  ) {
    super();
  }

  override async add(letters: readonly DeadLetter[]): Promise<void> {
    const names = new Set(letters.flatMap(({ model }) => (model === null ? [] : [model])));
    const known = await this.views.of(names);
    const redacting = this.views.redacting();
    await this.letters.add(letters.map((letter) => redactLetter(letter, known, redacting)));
  }

  override list(options: DeadLetterFilter & { readonly limit: number }): Promise<StoredDeadLetter[]> {
    return this.letters.list(options);
  }

  override find(id: number): Promise<StoredDeadLetter | null> {
    return this.letters.find(id);
  }

  override takeForReplay(ids: readonly number[], by: string, at: Date): Promise<StoredDeadLetter[]> {
    return this.letters.takeForReplay(ids, by, at);
  }
}
