import type { Clock } from '../kernel/index.js';
import type { ModelStore } from '../models/index.js';
import { type ModelView, viewOf } from './domain/admit.js';
import { redacts } from './domain/redact.js';

const FRESH_MS = 2000;

/** Views of all models, read again every two seconds or when a name is asked for that is not among them. */
export class ModelViews {
  private views: ReadonlyMap<string, ModelView> = new Map();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly models: ModelStore,
    private readonly clock: Clock,
  ) {}

  /** Names of the models that redact, as of the last look. */
  redacting(): ReadonlySet<string> {
    return new Set([...this.views.values()].filter(({ redaction }) => redacts(redaction)).map(({ name }) => name));
  }

  /** Views of those of `names` that exist. */
  async of(names: ReadonlySet<string>): Promise<ReadonlyMap<string, ModelView>> {
    const now = this.clock.now().getTime();
    const complete = [...names].every((name) => this.views.has(name));
    if (!complete || now - this.readAt > FRESH_MS) {
      this.views = new Map((await this.models.list()).map((model) => [model.id, viewOf(model)]));
      this.readAt = now;
    }
    return new Map([...this.views].filter(([name]) => names.has(name)));
  }
}
