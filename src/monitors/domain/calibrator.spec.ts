import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import {
  addLabelled,
  type BinCounts,
  calibrationError,
  CONFIDENCE_BINS,
  fitCalibrator,
  isotonic,
  NO_CALIBRATION_DATA,
} from './calibrator.js';

interface Chunks {
  readonly reference: BinCounts[];
  readonly chunks: { readonly rows: number[]; readonly right: number; readonly nannyml: number }[];
}
const FIXTURE = resolve(import.meta.dirname, '../testing/fixtures/nannyml.json');
const NANNYML = JSON.parse(readFileSync(FIXTURE, 'utf8')) as Record<'car-loan' | 'employment' | 'cards', Chunks>;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Answers whose confidence is right `truth(confidence)` of the time. */
function answers(seed: number, count: number, truth: (confidence: number) => number) {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const confidence = 0.5 + random() / 2;
    return { confidence, right: random() < truth(confidence) };
  });
}
const overconfident = (confidence: number) => 0.5 + (confidence - 0.5) * 0.5;

/** A truth over the bins that is well defined for each. */
const someCounts = fc
  .array(fc.tuple(fc.nat(50), fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: CONFIDENCE_BINS,
    maxLength: CONFIDENCE_BINS,
  })
  .map((bins) => ({ rows: bins.map(([n]) => n), right: bins.map(([n, share]) => Math.round(n * share)) }));

describe('isotonic regression', () => {
  it('never falls, keeps the mean, and is no further from the shares than any other rising line', () => {
    fc.assert(
      fc.property(
        someCounts,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }),
        (counts, line) => {
          const { expected } = isotonic(counts);
          for (let bin = 1; bin < expected.length; bin += 1)
            if (sum(counts.rows) > 0 && counts.rows[bin]! > 0 && counts.rows[bin - 1]! > 0)
              expect(expected[bin]!).toBeGreaterThanOrEqual(expected[bin - 1]! - 1e-12);
          expect(sum(expected.map((share, bin) => share * counts.rows[bin]!))).toBeCloseTo(sum(counts.right), 6);
          const loss = (values: readonly number[]) =>
            sum(
              values.map((value, bin) =>
                counts.rows[bin] === 0 ? 0 : counts.rows[bin]! * (value - counts.right[bin]! / counts.rows[bin]!) ** 2,
              ),
            );
          expect(loss(expected)).toBeLessThanOrEqual(loss([...line].sort((a, b) => a - b)) + 1e-9);
        },
      ),
    );
  });

  it('pools what falls', () => {
    const rows = new Array<number>(20).fill(0);
    const right = new Array<number>(20).fill(0);
    [rows[10], right[10], rows[11], right[11], rows[14], right[14]] = [10, 8, 30, 12, 10, 10];
    const { expected, support } = isotonic({ rows, right });
    expect(expected[10]).toBe(0.5);
    expect(expected[11]).toBe(0.5);
    expect(support[11]).toBe(40);
    expect(expected[12]).toBeCloseTo(0.5 + 0.5 / 3, 12);
    expect(support[12]).toBe(0);
    expect(expected[9]).toBe(0.475);
    expect(expected[19]).toBe(1);
  });
});

describe('a calibrator', () => {
  it.each([
    ['few answers of an overconfident version', 400, overconfident, 'platt'],
    ['many answers of an overconfident version', 6_000, overconfident, 'isotonic'],
  ] as const)('of %s is %p %p', (_, count, truth, method) => {
    const fitted = fitCalibrator(addLabelled(NO_CALIBRATION_DATA, answers(1, count, truth)));
    expect(fitted.method).toBe(method);
    expect(fitted.errorAfter).toBeLessThan(fitted.errorBefore);
    const fresh = addLabelled(NO_CALIBRATION_DATA, answers(2, 30_000, truth));
    for (const part of fresh) expect(calibrationError(part, fitted.expected)).toBeLessThan(0.04);
  });

  it('leaves confidences alone where that is better on held-out answers', () => {
    let untouched = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const fitted = fitCalibrator(
        addLabelled(
          NO_CALIBRATION_DATA,
          answers(seed, 600, (confidence) => confidence),
        ),
      );
      if (fitted.method === 'none') untouched += 1;
      else expect(fitted.errorAfter).toBeLessThan(fitted.errorBefore);
      fitted.expected.slice(10).forEach((share, i) => expect(Math.abs(share - (0.525 + i / 20))).toBeLessThan(0.12));
    }
    expect(untouched).toBeGreaterThan(10);
  });

  it('is the same for any batches', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(1_000), (cut, seed) => {
        const all = answers(seed, 300, overconfident);
        const parts = addLabelled(addLabelled(NO_CALIBRATION_DATA, all.slice(0, cut)), all.slice(cut));
        expect(parts).toEqual(addLabelled(NO_CALIBRATION_DATA, all));
      }),
    );
  });

  it('stays within 0..1 whatever it is fitted to', () => {
    fc.assert(
      fc.property(fc.array(someCounts, { minLength: 3, maxLength: 3 }), (data) => {
        for (const share of fitCalibrator(data).expected) expect(share >= 0 && share <= 1).toBe(true);
      }),
    );
  });
});

describe('the estimate beside NannyML’s, on its own data and chunks', () => {
  const compare = (name: keyof typeof NANNYML) => {
    const { reference, chunks } = NANNYML[name];
    const { expected } = fitCalibrator(reference);
    let ours = 0;
    let theirs = 0;
    for (const { rows, right, nannyml } of chunks) {
      const samples = sum(rows);
      ours +=
        Math.abs(sum(rows.map((count, bin) => count * expected[bin]!)) / samples - right / samples) / chunks.length;
      theirs += Math.abs(nannyml - right / samples) / chunks.length;
    }
    return { ours, theirs };
  };

  it.each([
    ['car-loan', 0.0035, 0],
    ['employment', 0.0055, 0],
  ] as const)('%s: mean absolute error below %p and %p above NannyML’s at most', (name, most, margin) => {
    const { ours, theirs } = compare(name);
    expect(ours).toBeLessThan(most);
    expect(ours - theirs).toBeLessThan(margin);
  });

  it('is as blind as NannyML’s when the relation of inputs and labels changes', () => {
    const { ours, theirs } = compare('cards');
    expect(theirs).toBeGreaterThan(0.03);
    expect(Math.abs(ours - theirs)).toBeLessThan(0.01);
  });
});
