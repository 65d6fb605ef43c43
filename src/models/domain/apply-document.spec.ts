import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow } from '../../kernel/index.js';
import { someSpec } from '../testing/index.js';
import { decideApply, same } from './apply-document.js';
import { type Model, MODEL_TRANSITIONS } from './model.js';

const now = new Date('2026-01-01T00:00:00Z');

describe('applying documents', () => {
  it('never leaves the transition table, and counts exactly the changes', () => {
    const margins = fc.array(fc.constantFrom(0.001, 0.002, 0.003), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(margins, (wanted) => {
        let model: Model | null = null;
        let changes = 0;
        let before: number | null = null;
        for (const margin of wanted) {
          const base = someSpec();
          const decision = decideApply(model, 'digits', { ...base, experiment: { ...base.experiment, margin } }, now);
          if (model !== null)
            expect(mayFollow(MODEL_TRANSITIONS, model.status.phase, decision.model.status.phase)).toBe(true);
          if (margin !== before) changes += 1;
          expect(decision.change === 'unchanged').toBe(margin === before);
          expect(decision.model.status.generation).toBe(changes);
          [model, before] = [decision.model, margin];
        }
      }),
    );
  });

  it('takes two JSON values for the same exactly when they are', () => {
    const shuffled = (value: unknown): unknown =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? value
        : Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inner]) => [key, shuffled(inner)]),
          );
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [left, right] = [JSON.parse(JSON.stringify(a)) as unknown, JSON.parse(JSON.stringify(b)) as unknown];
        expect(same(left, shuffled(left))).toBe(true);
        if (JSON.stringify(left).length !== JSON.stringify(right).length) expect(same(left, right)).toBe(false);
      }),
    );
  });
});
