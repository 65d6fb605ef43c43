import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { type Difference, lossDifference, NO_BETS, playBets, readBets } from './betting.js';

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

function outcomes(
  streams: number,
  length: number,
  disagreement: number,
  mean: number,
  plan: Parameters<typeof playBets>[1] = PLAN,
) {
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
    'errs on a candidate exactly at the margin in at most 5 % of 600 streams watched at every pair: $disagreement',
    ({ disagreement }) => {
      const all = outcomes(600, 2_000, disagreement, -0.01);
      expect(share(all, 'non-inferior')).toBeLessThanOrEqual(0.05);
      expect(share(all, 'harm')).toBeLessThanOrEqual(0.05);
    },
  );

  it.each([
    { disagreement: 0.02, atMost: 1_150 },
    { disagreement: 0.03, atMost: 1_600 },
    { disagreement: 0.05, atMost: 2_750 },
  ])('promotes an equal candidate at $disagreement disagreement within a median of $atMost pairs', (at) => {
    const all = outcomes(150, 12_000, at.disagreement, 0);
    expect(median(all.map((outcome) => outcome.pairs))).toBeLessThanOrEqual(at.atMost);
    expect(share(all, 'non-inferior')).toBeGreaterThanOrEqual(0.95);
  });

  it.each([
    { expected: undefined, atMost: 460 },
    { expected: 0.001, atMost: 330 },
  ])('promotes a candidate that never differs within $atMost pairs when $expected was expected', (at) => {
    const plan = at.expected === undefined ? PLAN : { ...PLAN, disagreement: at.expected };
    const [outcome] = outcomes(1, 1_000, 0, 0, plan);
    expect(outcome?.proven).toBe('non-inferior');
    expect(outcome?.pairs).toBeLessThanOrEqual(at.atMost);
  });

  it('keeps the level and most of the power when the expected disagreement is wrong by far', () => {
    for (const disagreement of [0.001, 0.2]) {
      const plan = { ...PLAN, disagreement };
      expect(share(outcomes(200, 2_000, 0.03, -0.01, plan), 'non-inferior')).toBeLessThanOrEqual(0.05);
      expect(share(outcomes(60, 12_000, 0.03, 0, plan), 'non-inferior')).toBeGreaterThanOrEqual(0.9);
    }
  });

  it('keeps the level on differences of losses, wherever they lie between −1 and 1', () => {
    const random = seededRandom(99);
    const all = Array.from({ length: 200 }, () =>
      playBets(
        Array.from({ length: 2_000 }, () => 0.4 * (random() + random() - 1) - 0.01),
        PLAN,
      ),
    );
    expect(share(all, 'non-inferior')).toBeLessThanOrEqual(0.05);
    expect(share(all, 'harm')).toBeLessThanOrEqual(0.05);
  });

  it.each([
    { disagreement: 0.02, atMost: 1_040 },
    { disagreement: 0.03, atMost: 1_500 },
    { disagreement: 0.05, atMost: 2_700 },
  ])('proves a loss of two points at $disagreement disagreement within a median of $atMost pairs', (at) => {
    const all = outcomes(150, 12_000, at.disagreement, -0.02);
    expect(share(all, 'harm')).toBeGreaterThanOrEqual(0.95);
    expect(median(all.map((outcome) => outcome.pairs))).toBeLessThanOrEqual(at.atMost);
  });

  it('finds a candidate that is much better within 400 pairs', () => {
    const all = outcomes(100, 2_000, 0.3, 0.2);
    expect(median(all.map((outcome) => outcome.pairs))).toBeLessThanOrEqual(400);
  });

  it('says the same for a longer sequence once something is proven', () => {
    const pairs = stream(seededRandom(7), 6_000, 0.02, 0);
    const first = playBets(pairs, PLAN);
    expect(first.proven).toBe('non-inferior');
    expect(playBets(pairs.slice(0, first.pairs), PLAN)).toEqual(first);
  });

  it('says the same however its past is cut, also through JSON', () => {
    const pairs = stream(seededRandom(8), 3_000, 0.03, -0.01);
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 6 }), (cuts) => {
        let bets = NO_BETS;
        let from = 0;
        for (const until of [...cuts.sort((a, b) => a - b), pairs.length]) {
          bets = playBets(pairs.slice(from, until), PLAN, JSON.parse(JSON.stringify(bets)) as typeof bets);
          from = until;
        }
        expect(bets).toEqual(playBets(pairs, PLAN));
      }),
      { numRuns: 20 },
    );
  });

  it('begins with a wealth of one, and losing all of it makes no proof and no NaN', () => {
    expect(readBets(NO_BETS)).toMatchObject({ wealthNonInferior: 1, wealthHarm: 1, difference: 0 });
    const lost = playBets(new Array<number>(50_000).fill(-1), { margin: 0.3, alpha: 1e-300 });
    expect(readBets(lost).wealthNonInferior).toBeGreaterThanOrEqual(0);
    expect(lost.proven).not.toBe('non-inferior');
  });

  it('is surer of no harm for every pair that goes better', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 0, 1), { minLength: 1, maxLength: 60 }), (pairs) => {
        const better = [...pairs.slice(0, -1), 1];
        const plan = { margin: 0.05, alpha: 1e-9 };
        expect(playBets(better, plan).logNonInferior).toBeGreaterThanOrEqual(
          playBets(pairs, plan).logNonInferior - 1e-12,
        );
        expect(playBets(better, plan).logHarm).toBeLessThanOrEqual(playBets(pairs, plan).logHarm + 1e-12);
      }),
    );
  });

  it('gives finite numbers for every sequence, margin and alpha', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom<Difference>(-1, 0, 1), fc.double({ min: -1, max: 1, noNaN: true })), {
          maxLength: 400,
        }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        (differences, margin, alpha) => {
          const reading = readBets(playBets(differences, { margin, alpha }));
          expect(Object.values(reading).every((value) => Number.isFinite(value))).toBe(true);
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

describe('lossDifference', () => {
  it.each([
    [0.2, 0.1, 0.1],
    [5, 0.1, 0.9],
    [0.1, Number.NaN, -0.9],
    [Infinity, Infinity, 0],
    [0, 0, 0],
  ])('of %p and %p, bounded by 1, is %p', (champion, candidate, difference) => {
    expect(lossDifference(champion, candidate, 1)).toBeCloseTo(difference, 12);
  });
});
