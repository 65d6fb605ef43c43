import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Digest, mayFollow } from '../../kernel/index.js';
import { anExperiment, CANDIDATE, CHAMPION, OTHER, somePairs, T0 } from '../testing/index.js';
import { advanceExperiment, type ExperimentObservation, NOTHING_READ } from './advance-experiment.js';
import type { EnteredPair } from './enter-pairs.js';
import { EXPERIMENT_TRANSITIONS, type ExperimentReading, type ExperimentStatus } from './experiment.js';
import { foldPairs, readShadow, SHADOW_BEGIN } from './shadow-progress.js';

const seconds = (count: number) => new Date(T0.getTime() + count * 1000);

/** Where the test of `anExperiment` stands after these pairs. */
function read(pairs: readonly EnteredPair[]): ExperimentReading {
  const { spec } = anExperiment();
  return readShadow(foldPairs(SHADOW_BEGIN, pairs, spec), spec);
}

function seen(over: Partial<ExperimentObservation> = {}): ExperimentObservation {
  return {
    championNow: CHAMPION,
    stableNow: CHAMPION,
    locked: true,
    reading: null,
    requests: null,
    now: seconds(1),
    ...over,
  };
}

const running = (over = {}) => anExperiment({ phase: 'Running', startedAt: T0, reading: NOTHING_READ }, over);
const waiting = (over = {}) => anExperiment({ phase: 'Waiting', reason: 'just planned' }, over);

const verdictOf = (status: ExperimentStatus) => (status.phase === 'Concluded' ? status.verdict : status.phase);

describe('advanceExperiment', () => {
  it.each([
    ['runs once the lock is its own', seen(), 'Running'],
    ['waits while another change holds the lock', seen({ locked: false }), 'Waiting'],
    ['waits while the data plane serves something else', seen({ stableNow: OTHER }), 'Waiting'],
    ['waits while nothing serves', seen({ championNow: null, stableNow: null }), 'Waiting'],
    ['is invalid when the champion has changed', seen({ championNow: OTHER, stableNow: OTHER }), 'INVALID'],
    ['is invalid when the candidate serves already', seen({ championNow: CANDIDATE }), 'INVALID'],
  ])('a waiting one %s', (_, observation, expected) => {
    expect(verdictOf(advanceExperiment(waiting(), observation))).toBe(expected);
  });

  it('refuses a plan that its planning objects to, and says why', () => {
    const status = advanceExperiment(waiting({ objection: 'the budget is used up' }), seen());
    expect(status).toMatchObject({ verdict: 'INVALID', reason: 'the budget is used up' });
  });

  it.each([
    ['passes when it is proven no worse', seen({ reading: read(somePairs(500, 0)) }), 'PASS'],
    ['fails when harm is proven', seen({ reading: read(somePairs(400, -1)) }), 'FAIL'],
    ['goes on while nothing is proven', seen({ reading: read(somePairs(50, 0)) }), 'Running'],
    ['is blind when no pair came in time', seen({ now: seconds(3_600) }), 'BLIND'],
    ['stays undecided when time is over', seen({ reading: read(somePairs(50, 0)), now: seconds(3_600) }), 'UNDECIDED'],
    [
      'is invalid when the champion has changed, whatever the pairs say',
      seen({ reading: read(somePairs(500, 0)), championNow: OTHER }),
      'INVALID',
    ],
  ])('a running one %s', (_, observation, expected) => {
    expect(verdictOf(advanceExperiment(running(), observation))).toBe(expected);
  });

  it('keeps the champion when the planned samples are used up', () => {
    const status = advanceExperiment(running({ maxSamples: 40 }), seen({ reading: read(somePairs(40, 0)) }));
    expect(status).toMatchObject({ verdict: 'UNDECIDED', reason: expect.stringContaining('40 pairs') });
  });

  const plan = {
    ...{ disagreement: 0.02, metrics: [{ name: 'quality', samples: 2_000 }], samples: 2_000 },
    ...{ requestsPerSecond: 50, seconds: 40, decidableMargin: 0.005 },
  };

  it('is blind, not undecided, when too little traffic came for its plan: nothing is charged to the candidate', () => {
    const status = advanceExperiment(running({ plan }), seen({ reading: read(somePairs(50, 0)), now: seconds(3_600) }));
    expect(status).toMatchObject({
      verdict: 'BLIND',
      reason: expect.stringContaining('too little traffic: 50 of 2000'),
    });
  });

  it.each([
    ['no traffic', { requests: 0 }, 'no traffic: no request of this model has come'],
    ['nothing to judge by', { requests: 100 }, 'no request could be judged yet'],
    ['too little traffic', { requests: 9, reading: read(somePairs(5, 0)) }, 'too little traffic: 5 of 2000'],
  ])('says while it runs that it lacks %s, and what it needs', (_, over, reason) => {
    const status = advanceExperiment(running({ plan }), seen({ now: seconds(60), ...over }));
    expect(status).toMatchObject({ phase: 'Running', reason: expect.stringContaining(reason) });
    expect(status).toMatchObject({ reason: expect.stringContaining('2000') });
  });

  it('says nothing about traffic that suffices', () => {
    const status = advanceExperiment(
      running({ plan }),
      seen({ now: seconds(20), reading: read(somePairs(400, 0).slice(0, 390)) }),
    );
    expect(status).toMatchObject({ phase: 'Running', reason: null });
  });

  it('believes neither verdict when the arms were not filled as planned', () => {
    const reading = { ...read(somePairs(500, 0)), exposure: { champion: 800, candidate: 200, mismatch: 1e9 } };
    const status = advanceExperiment(running({ mode: 'live' }), seen({ reading }));
    expect(status).toMatchObject({ verdict: 'BLIND', reason: expect.stringContaining('sample ratio mismatch') });
    expect(status).toMatchObject({ reason: expect.stringContaining('20.0 %') });
  });

  it('never leaves the transition table and never passes without pairs, whatever is seen', () => {
    const digests = fc.constantFrom<(Digest | null)[]>(CHAMPION, CANDIDATE, OTHER, null);
    const observation = fc.record({
      championNow: digests,
      stableNow: digests,
      locked: fc.boolean(),
      reading: fc
        .tuple(fc.nat(600), fc.constantFrom<(-1 | 0 | 1)[]>(-1, 0, 1))
        .map(([n, difference]) => (n === 0 ? null : read(somePairs(n, difference)))),
      requests: fc.constantFrom(null, 0, 100),
      now: fc.nat(5_000).map(seconds),
    });
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 8 }), (observations) => {
        let experiment = waiting();
        for (const each of observations) {
          const next = advanceExperiment(experiment, each);
          expect(
            mayFollow<ExperimentStatus['phase']>(EXPERIMENT_TRANSITIONS, experiment.status.phase, next.phase),
          ).toBe(true);
          expect(advanceExperiment({ ...experiment, status: next }, each).phase).toBeDefined();
          if (next.phase === 'Concluded' && next.verdict === 'PASS') expect(next.reading.pairs).toBeGreaterThan(0);
          experiment = { ...experiment, status: next };
        }
      }),
    );
  });
});
