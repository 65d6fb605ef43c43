import type { OpenChange } from './domain/obstacles.js';
import { OpenChanges, type OpenChangeSource } from './ports.js';

/** Asks every source that registered, all at once. */
export class RegisteredChanges extends OpenChanges {
  private readonly sources: OpenChangeSource[] = [];

  override register(source: OpenChangeSource): void {
    this.sources.push(source);
  }

  override async list(model: string): Promise<OpenChange[]> {
    return (await Promise.all(this.sources.map((source) => source(model)))).flat();
  }
}
