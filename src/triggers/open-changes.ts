import type { OpenChange } from './domain/obstacles.js';

/** Tells the changes of one kind that a model has open. */
export type OpenChangeSource = (model: string) => Promise<readonly OpenChange[]>;

/**
 * What is under way downstream, for whoever must not begin something beside it. Stages downstream register themselves at
 * start, because nothing here may import them.
 */
export class OpenChanges {
  private readonly sources: OpenChangeSource[] = [];

  register(source: OpenChangeSource): void {
    this.sources.push(source);
  }

  /** Of all sources, in the order of registration. Rejects when one cannot tell: not knowing is not "nothing". */
  async list(model: string): Promise<OpenChange[]> {
    return (await Promise.all(this.sources.map((source) => source(model)))).flat();
  }
}
