import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow } from '../../kernel/index.js';
import { digestOf, T0 } from '../../jobs/testing/jobs.js';
import { digitsModel } from '../../jobs/testing/model.js';
import { evaluationOf, pendingCandidate } from '../testing/candidates.js';
import { advanceCandidate, type CandidateObservation } from './advance-candidate.js';
import { type Candidate, CANDIDATE_TRANSITIONS } from './candidate.js';

const BOUNDS = { maxTries: 3, sampleWaitSeconds: 60 };
const { objectives } = digitsModel().spec;
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const advance = (candidate: Candidate, observation: CandidateObservation, seconds = 0) =>
  advanceCandidate(candidate, observation, objectives, BOUNDS, at(seconds));
const evaluating = (tries: number): Candidate => ({
  ...pendingCandidate(),
  status: { phase: 'Evaluating', since: T0, tries, holdout: digestOf('d') },
});
const MEASURED: CandidateObservation = { kind: 'evaluated', outcome: { kind: 'measured', evaluation: evaluationOf() } };

describe('advanceCandidate', () => {
  it('begins once there is held-out data', () => {
    expect(advance(pendingCandidate(), { kind: 'holdout', digest: digestOf('d') }, 5)).toEqual({
      ...{ phase: 'Evaluating', since: at(5), tries: 1, holdout: digestOf('d') },
    });
  });

  it('waits for held-out data, but not for ever', () => {
    const pending = pendingCandidate();
    expect(advance(pending, { kind: 'no-holdout', reason: 'none' }, 60)).toBe(pending.status);
    expect(advance(pending, { kind: 'no-holdout', reason: 'none' }, 61)).toEqual({
      phase: 'Refused',
      reasons: ['none'],
      evaluation: null,
    });
  });

  it('begins again after an interruption, with the same data, and gives up after so many', () => {
    expect(advance(evaluating(2), { kind: 'interrupted' }, 9)).toEqual({
      phase: 'Evaluating',
      since: at(9),
      tries: 3,
      holdout: digestOf('d'),
    });
    expect(advance(evaluating(3), { kind: 'interrupted' })).toMatchObject({
      phase: 'Refused',
      reasons: [expect.stringContaining('begun 3 times')],
    });
  });

  it('is not held against the candidate when it cannot be evaluated, until the tries are used up', () => {
    const second = evaluating(2);
    expect(advance(second, { kind: 'unavailable', reason: 'no reference' })).toBe(second.status);
    expect(advance(evaluating(3), { kind: 'unavailable', reason: 'no reference' })).toMatchObject({
      phase: 'Refused',
      reasons: ['no reference'],
    });
  });

  it('accepts, refuses by judgement, and refuses what cannot be measured', () => {
    expect(advance(evaluating(1), MEASURED)).toMatchObject({
      phase: 'Accepted',
      evaluation: { size: { candidateBytes: 123_000 } },
    });
    const slow = evaluationOf({ latency: { ...evaluationOf().latency, speedup: 1.2 } });
    expect(
      advance(evaluating(1), { kind: 'evaluated', outcome: { kind: 'measured', evaluation: slow } }),
    ).toMatchObject({
      phase: 'Refused',
      evaluation: { latency: { speedup: 1.2 } },
    });
    expect(
      advance(evaluating(1), { kind: 'evaluated', outcome: { kind: 'refused', reasons: ['it is no model'] } }),
    ).toEqual({
      ...{ phase: 'Refused', reasons: ['it is no model'], evaluation: null },
    });
  });

  it('never leaves the transition table', () => {
    const observation = fc.constantFrom<CandidateObservation>(
      { kind: 'holdout', digest: digestOf('d') },
      { kind: 'no-holdout', reason: 'none' },
      { kind: 'interrupted' },
      { kind: 'unavailable', reason: 'away' },
      { kind: 'evaluated', outcome: { kind: 'refused', reasons: ['bad'] } },
      MEASURED,
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(observation, fc.integer({ min: 0, max: 30 })), { maxLength: 30 }), (steps) => {
        let candidate = pendingCandidate();
        let seconds = 0;
        for (const [seen, after] of steps) {
          seconds += after;
          const status = advance(candidate, seen, seconds);
          expect(mayFollow(CANDIDATE_TRANSITIONS, candidate.status.phase, status.phase)).toBe(true);
          if (status.phase === 'Evaluating') expect(status.tries).toBeLessThanOrEqual(BOUNDS.maxTries);
          if (CANDIDATE_TRANSITIONS[candidate.status.phase].length === 0) expect(status).toBe(candidate.status);
          candidate = { ...candidate, status };
        }
      }),
    );
  });
});
