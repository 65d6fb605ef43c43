import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { type Difference, playBets } from './betting.js';

const PLAN = { margin: 0.01, alpha: 0.05 };

/** Pairs that disagree with probability `disagreement` and whose mean difference is `mean`. */
function stream(random: () => number, length: number, disagreement: number, mean: number): Difference[] {
  const better = (disagreement + mean) / 2;
  const pairs: Difference[] = [];
  for (let i = 0; i < length; i += 1) {
    const u = random();
    pairs.push(u < better ? 1 : u < disagreement ? -1 : 0);
  }
  return pairs;
}

function outcomes(streams: number, length: number, disagreement: number, mean: number, plan = PLAN) {
  return Array.from({ length: streams }, (_, seed) =>
    playBets(stream(seededRandom(seed + 1), length, disagreement, mean), plan),
  );
}

const share = (of: readonly { proven: unknown }[], proven: string) =>
  of.filter((outcome) => outcome.proven === proven).length / of.length;

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe('non-inferiority by betting', () => {
  it.each([{ disagreement: 0.01 }, { disagreement: 0.03 }, { disagreement: 0.1 }])(
    'errs on a candidate exactly at the margin in at most 5 % of 1,000 streams watched at every pair: $disagreement',
    ({ disagreement }) => {
      const all = outcomes(1_000, 2_000, disagreement, -0.01);
      expect(share(all, 'non-inferior')).toBeLessThanOrEqual(0.05);
      expect(share(all, 'harm')).toBeLessThanOrEqual(0.05);
    },
  );

  it.each([
    { disagreement: 0.02, atMost: 1_440 },
    { disagreement: 0.03, atMost: 2_080 },
    { disagreement: 0.05, atMost: 3_320 },
  ])('promotes an equal candidate at $disagreement disagreement within a median of $atMost pairs', (at) => {
    const all = outcomes(200, 15_000, at.disagreement, 0);
    expect(median(all.map((outcome) => outcome.reading.pairs))).toBeLessThanOrEqual(at.atMost);
    expect(share(all, 'non-inferior')).toBeGreaterThanOrEqual(0.95);
  });

  it('promotes a candidate that never differs within 340 pairs', () => {
    const [outcome] = outcomes(1, 1_000, 0, 0);
    expect(outcome?.proven).toBe('non-inferior');
    expect(outcome?.reading.pairs).toBeLessThanOrEqual(340);
  });

  it.each([
    { disagreement: 0.02, atMost: 1_040 },
    { disagreement: 0.03, atMost: 1_620 },
    { disagreement: 0.05, atMost: 3_160 },
  ])('proves a loss of two points at $disagreement disagreement within a median of $atMost pairs', (at) => {
    const all = outcomes(200, 15_000, at.disagreement, -0.02);
    expect(share(all, 'harm')).toBeGreaterThanOrEqual(0.95);
    expect(median(all.map((outcome) => outcome.reading.pairs))).toBeLessThanOrEqual(at.atMost);
  });

  it('finds a candidate that is much better within 400 pairs', () => {
    const all = outcomes(200, 5_000, 0.3, 0.2);
    expect(median(all.map((outcome) => outcome.reading.pairs))).toBeLessThanOrEqual(400);
  });

  it('says the same for a longer sequence once something is proven', () => {
    const pairs = stream(seededRandom(7), 6_000, 0.02, 0);
    const first = playBets(pairs, PLAN);
    expect(first.proven).toBe('non-inferior');
    expect(playBets(pairs.slice(0, first.reading.pairs), PLAN)).toEqual(first);
  });

  it('gives finite numbers for every sequence, margin and alpha', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<Difference>(-1, 0, 1), { maxLength: 400 }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        (differences, margin, alpha) => {
          const { reading } = playBets(differences, { margin, alpha });
          for (const value of Object.values(reading)) expect(Number.isFinite(value)).toBe(true);
          expect(reading.wealthNonInferior).toBeGreaterThanOrEqual(0);
          expect(reading.wealthHarm).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it('proves nothing without pairs', () => {
    expect(playBets([], PLAN).proven).toBeNull();
  });
});
