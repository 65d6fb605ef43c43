import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Digest, mayFollow } from '../../kernel/index.js';
import { anExperiment, CANDIDATE, CHAMPION, OTHER, somePairs, T0 } from '../testing/index.js';
import { advanceExperiment, type ExperimentObservation, NOTHING_READ } from './advance-experiment.js';
import { EXPERIMENT_TRANSITIONS, type ExperimentStatus } from './experiment.js';

const seconds = (count: number) => new Date(T0.getTime() + count * 1000);

function seen(over: Partial<ExperimentObservation> = {}): ExperimentObservation {
  return { championNow: CHAMPION, stableNow: CHAMPION, locked: true, pairs: [], now: seconds(1), ...over };
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

  it('refuses a plan whose budget is used up, and says so', () => {
    const status = advanceExperiment(waiting({ margin: 0 }), seen());
    expect(status).toMatchObject({ verdict: 'INVALID', reason: expect.stringContaining('budget') });
  });

  it.each([
    ['passes when it is proven no worse', seen({ pairs: somePairs(400, 0) }), 'PASS'],
    ['fails when harm is proven', seen({ pairs: somePairs(400, -1) }), 'FAIL'],
    ['goes on while nothing is proven', seen({ pairs: somePairs(50, 0) }), 'Running'],
    ['is blind when no pair came in time', seen({ now: seconds(3_600) }), 'BLIND'],
    ['stays undecided when time is over', seen({ pairs: somePairs(50, 0), now: seconds(3_600) }), 'UNDECIDED'],
    [
      'is invalid when the champion has changed, whatever the pairs say',
      seen({ pairs: somePairs(400, 0), championNow: OTHER }),
      'INVALID',
    ],
  ])('a running one %s', (_, observation, expected) => {
    expect(verdictOf(advanceExperiment(running(), observation))).toBe(expected);
  });

  it('keeps the champion when the planned samples are used up', () => {
    const status = advanceExperiment(running({ maxSamples: 40 }), seen({ pairs: somePairs(40, 0) }));
    expect(status).toMatchObject({ verdict: 'UNDECIDED', reason: expect.stringContaining('40 pairs') });
  });

  it('never leaves the transition table and never passes without pairs, whatever is seen', () => {
    const digests = fc.constantFrom<(Digest | null)[]>(CHAMPION, CANDIDATE, OTHER, null);
    const observation = fc.record({
      championNow: digests,
      stableNow: digests,
      locked: fc.boolean(),
      pairs: fc
        .tuple(fc.nat(500), fc.constantFrom<(-1 | 0 | 1)[]>(-1, 0, 1))
        .map(([n, difference]) => somePairs(n, difference)),
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
