import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Evaluation } from '../../candidates/index.js';
import { chargeOf, overdraft, remainingBudget } from './quality-ledger.js';

const share = (value: number) => ({ value, samples: 400 });
/** All rows are labelled, so no fewer answers differ than accuracy is lost. */
const evaluation = (candidate: number, reference: number): Evaluation => ({
  at: new Date(0),
  dataset: { digest: 'sha256:0', rows: 400, labelled: 400, from: new Date(0), until: new Date(0) },
  accuracy: { candidate: share(candidate), reference: share(reference), champion: share(reference) },
  agreement: { candidate: share(1 - Math.max(0.01, reference - candidate)), champion: share(1) },
  noiseAccuracy: null,
  size: { candidateBytes: 1, referenceBytes: 4, ratio: 0.25 },
  latency: { candidateMs: 1, referenceMs: 2, championMs: 2, speedup: 2, overChampion: 2, rounds: 30 },
  peakRssBytes: 1,
  warnings: [],
});

describe('the quality ledger', () => {
  it('charges the loss against the reference, and nothing for a gain', () => {
    expect(chargeOf(evaluation(0.965, 0.97))).toBeCloseTo(0.005, 12);
    expect(chargeOf(evaluation(0.98, 0.97))).toBe(0);
  });

  it('charges disagreement where there are no labels', () => {
    expect(chargeOf({ ...evaluation(0.9, 0.9), accuracy: null })).toBeCloseTo(0.01, 12);
  });

  it('charges no more than the share of answers that differ, however few the labelled rows are', () => {
    const few = evaluation(32 / 33, 1); // one of 33 labelled rows is lost, which is three points
    const agreement = { candidate: { value: 1 - 4 / 300, samples: 300 }, champion: share(1) };
    expect(chargeOf({ ...few, agreement })).toBeCloseTo(4 / 300, 12);
  });

  it('lets ten steps of half a point not pass unseen', () => {
    const maxLoss = 0.02;
    let champion: number | null = null;
    let promoted = 0;
    for (let step = 1; step <= 10; step += 1) {
      const charge = chargeOf(evaluation(0.97 - 0.005 * step, 0.97));
      // Each step is only half a point below the champion before it; the account sees the sum.
      if (charge > maxLoss + 1e-9 || remainingBudget(maxLoss, champion) < 0.005 - 1e-9) break;
      champion = charge;
      promoted += 1;
    }
    expect(promoted).toBe(4);
    expect(remainingBudget(maxLoss, champion)).toBeCloseTo(0, 12);
  });

  it('is never overdrawn by any sequence of promotions, unless an override is on record or a worse champion is replaced', () => {
    const charges = fc.array(
      fc.record({ charge: fc.double({ min: 0, max: 0.2, noNaN: true }), override: fc.boolean() }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.1, noNaN: true }), charges, (maxLoss, promotions) => {
        let spent: number | null = null;
        let overridden = false;
        for (const { charge, override } of promotions) {
          const over = overdraft(maxLoss, spent, charge);
          if (over > 0 && !override) continue;
          if (over > 0) overridden = true;
          spent = charge;
          if (!overridden) expect(spent).toBeLessThanOrEqual(maxLoss + 1e-8);
        }
      }),
    );
  });

  it('may fall back towards the budget step by step, but never rise above it again', () => {
    expect(overdraft(0.02, 0.08, 0.05)).toBe(0);
    expect(overdraft(0.02, 0.05, 0.06)).toBeCloseTo(0.04, 12);
    expect(overdraft(0.02, 0.05, 0.05)).toBeCloseTo(0.03, 12);
    expect(overdraft(0.02, null, 0.02)).toBe(0);
  });

  it('never leaves a negative budget and never more than the whole', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (most, spent) => {
          const left = remainingBudget(most, spent);
          expect(left).toBeGreaterThanOrEqual(0);
          expect(left).toBeLessThanOrEqual(most);
        },
      ),
    );
    expect(remainingBudget(0.02, null)).toBe(0.02);
  });
});
