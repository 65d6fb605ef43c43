import { InvalidInput } from '../../../kernel/index.js';
import { toFaults } from '../../../platform/http/index.js';
import type { ModelSpec } from '../../domain/model.js';
import { crossFaults } from './document-rules.js';
import { DocumentSchema, toModelSpec } from './model-document.js';

/**
 * Reads a model document.
 * @throws InvalidInput with every fault of it: of single fields and between them
 */
export function parseModelDocument(document: unknown, expectedName?: string): { name: string; spec: ModelSpec } {
  const parsed = DocumentSchema.safeParse(document);
  const faults = [...(parsed.success ? [] : toFaults(parsed.error.issues)), ...crossFaults(document)];
  if (parsed.success && expectedName !== undefined && parsed.data.metadata.name !== expectedName) {
    faults.push({ path: 'metadata.name', message: `must be "${expectedName}", the name that is applied to` });
  }
  if (!parsed.success || faults.length > 0) throw new InvalidInput('The model document', faults);
  return { name: parsed.data.metadata.name, spec: toModelSpec(parsed.data.spec) };
}
