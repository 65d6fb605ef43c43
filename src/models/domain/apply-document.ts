import { ImmutableField } from './errors.js';
import type { Model, ModelSpec } from './model.js';

/** What applying a document comes to. */
export type ApplyDecision =
  | { readonly change: 'created' | 'updated'; readonly model: Model }
  | { readonly change: 'unchanged'; readonly model: Model };

/** Fields that windows, samples, versions and champions rest on. */
const IMMUTABLE = ['task', 'input', 'output', 'reference'] as const;

/**
 * Decides what a document changes. Applying the same one again changes nothing.
 * @throws ImmutableField when it changes what the model's history rests on
 */
export function decideApply(existing: Model | null, name: string, spec: ModelSpec, now: Date): ApplyDecision {
  if (existing === null) {
    const status = { phase: 'Registered', generation: 1 } as const;
    return {
      change: 'created',
      model: { id: name, model: name, spec, status, revision: 0, createdAt: now, updatedAt: now },
    };
  }
  if (same(existing.spec, spec)) return { change: 'unchanged', model: existing };
  for (const field of IMMUTABLE) {
    const [was, is] =
      field === 'reference'
        ? [existing.spec.reference.digest, spec.reference.digest]
        : [existing.spec[field], spec[field]];
    if (!same(was, is)) throw new ImmutableField(name, `spec.${field}`);
  }
  const status = { ...existing.status, generation: existing.status.generation + 1 };
  return { change: 'updated', model: { ...existing, spec, status, updatedAt: now } };
}

/** Structural equality of two JSON values, whatever the order of their keys. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => key in right && same(left[key], right[key]));
}
