import type { Fault } from '../kernel/index.js';
import type { ModelSpec } from './domain/model.js';
import { type DocumentRule, DocumentRules } from './ports.js';

/** Asks every rule that registered, all at once. */
export class RegisteredDocumentRules extends DocumentRules {
  private readonly rules: DocumentRule[] = [];

  override register(rule: DocumentRule): void {
    this.rules.push(rule);
  }

  override async faults(spec: ModelSpec, name: string): Promise<Fault[]> {
    return (await Promise.all(this.rules.map((rule) => rule(spec, name)))).flat();
  }
}
