import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow, VERDICTS } from '../../kernel/index.js';
import { aReading, aRollout, at, CHAMPION, OTHER, POLICY, progressing } from '../testing/index.js';
import { advanceRollout, type TrafficWish } from './advance-rollout.js';
import { gatesToRead } from './gates.js';
import type { RolloutObservation } from './observation.js';
import { isEnded, ROLLOUT_TRANSITIONS, type RolloutStatus, weightOf } from './rollout.js';

const ABORT = { verb: 'abort', by: 'ann', reason: 'enough' } as const;
const PAUSE = { verb: 'pause', by: 'ann', reason: 'a moment' } as const;
const RESUME = { verb: 'resume', by: 'ann', reason: 'go on' } as const;

function seen(over: Partial<RolloutObservation> = {}): RolloutObservation {
  return { now: at(10), actualWeight: 10, readings: [aReading('PASS')], championNow: CHAMPION, request: null, ...over };
}

const TRAFFIC = { set: 10, setAt: at(0), actual: 10, actualAt: at(0) };
const ready: RolloutStatus = { phase: 'Ready', since: at(0), readings: [] };
const paused: RolloutStatus = { phase: 'Paused', step: 1, since: at(0), by: 'ann', reason: 'a moment' };
const awaiting: RolloutStatus = { phase: 'AwaitingApproval', step: 1, since: at(0), readings: [], proven: 0 };

describe('advanceRollout', () => {
  it.each<[string, RolloutStatus, RolloutObservation, RolloutStatus['phase'], TrafficWish]>([
    [
      'a new one is put on record before it has any traffic',
      { phase: 'Pending' },
      seen({ actualWeight: 0 }),
      'Progressing',
      'leave',
    ],
    [
      'a new one waits while another one has the traffic',
      { phase: 'Pending' },
      seen({ blockedBy: 'other' }),
      'Pending',
      'leave',
    ],
    [
      'a passed step leads to the next, whose weight is set in the pass after',
      progressing(),
      seen(),
      'Progressing',
      10,
    ],
    [
      'the weight of a step is set once it is on record',
      progressing({ step: 1, inForceSince: null }),
      seen(),
      'Progressing',
      50,
    ],
    [
      'the last passed step leads to Ready, whose weight is held',
      progressing({ step: 1 }),
      seen({ actualWeight: 50 }),
      'Ready',
      50,
    ],
    [
      'a step is held for its time although every gate passes',
      progressing(),
      seen({ now: at(2), readings: [aReading('PASS', at(1))] }),
      'Progressing',
      10,
    ],
    [
      'a failing guardrail goes back at once',
      progressing(),
      seen({ now: at(1), readings: [aReading('FAIL', at(1))] }),
      'RolledBack',
      'give-back',
    ],
    [
      'a failing guardrail goes back although the data plane cannot be seen',
      progressing(),
      seen({ actualWeight: null, readings: [aReading('FAIL')] }),
      'RolledBack',
      'give-back',
    ],
    [
      'a question that is wrong goes back',
      progressing(),
      seen({ readings: [aReading('INVALID')] }),
      'RolledBack',
      'give-back',
    ],
    ['a blind gate holds', progressing(), seen({ readings: [aReading('BLIND')] }), 'Progressing', 10],
    ['a gate that was not read holds', progressing(), seen({ readings: [] }), 'Progressing', 10],
    [
      'blindness beyond its budget goes back',
      progressing({ blindSince: at(0) }),
      seen({ now: at(20), readings: [aReading('BLIND')] }),
      'RolledBack',
      'give-back',
    ],
    [
      'flickering blindness beyond its budget goes back',
      progressing({ blindSince: at(5), blindMs: 15_000 }),
      seen({ readings: [aReading('BLIND')] }),
      'RolledBack',
      'give-back',
    ],
    ['undecided evidence waits', progressing(), seen({ readings: [aReading('UNDECIDED')] }), 'Progressing', 10],
    [
      'undecided evidence beyond its budget goes back',
      progressing(),
      seen({ now: at(40), readings: [aReading('UNDECIDED')] }),
      'RolledBack',
      'give-back',
    ],
    [
      'blind time is not charged to the budget of the undecided',
      progressing({ blindMs: 5_000 }),
      seen({ now: at(41), readings: [aReading('UNDECIDED')] }),
      'Progressing',
      10,
    ],
    [
      'evidence older than the step being in force is no evidence',
      progressing({ inForceSince: at(6) }),
      seen({ readings: [aReading('PASS', at(5))] }),
      'Progressing',
      10,
    ],
    [
      'evidence older than what its meter needs is no evidence',
      progressing(),
      seen({ readings: [{ ...aReading('PASS', at(5)), notBefore: at(6) }] }),
      'Progressing',
      10,
    ],
    [
      'a PASS without samples is no evidence',
      progressing(),
      seen({ readings: [aReading('PASS', at(5), 0)] }),
      'Progressing',
      10,
    ],
    [
      'a data plane that gives another share is waited for',
      progressing({ inForceSince: null }),
      seen({ actualWeight: 0 }),
      'Progressing',
      10,
    ],
    [
      'a data plane that never takes the weight goes back',
      progressing({ inForceSince: null, blindSince: at(0) }),
      seen({ actualWeight: 0, now: at(20) }),
      'RolledBack',
      'give-back',
    ],
    [
      'traffic that was taken back by itself is not set again',
      progressing({ traffic: TRAFFIC }),
      seen({ actualWeight: 0, lapsed: true, readings: [aReading('PASS')] }),
      'RolledBack',
      'give-back',
    ],
    [
      "a lease that ran out before anything was set is nobody's business",
      progressing({ inForceSince: null }),
      seen({ actualWeight: 0, lapsed: true }),
      'Progressing',
      10,
    ],
    ['a pause keeps the weight', progressing(), seen({ request: PAUSE }), 'Paused', 10],
    ['a paused one stays, whatever passes', paused, seen({ actualWeight: 50 }), 'Paused', 50],
    [
      'a guardrail that fails goes back while it is paused, too',
      paused,
      seen({ readings: [aReading('FAIL')] }),
      'RolledBack',
      'give-back',
    ],
    ['a resumed one begins its step anew', paused, seen({ request: RESUME }), 'Progressing', 50],
    ['a ready one holds its weight', ready, seen(), 'Ready', 50],
    [
      'a guardrail that fails goes back while it waits for its promotion',
      ready,
      seen({ readings: [aReading('FAIL')] }),
      'RolledBack',
      'give-back',
    ],
    ['an abort wins over Ready', ready, seen({ request: ABORT }), 'Aborted', 'give-back'],
    ['an abort wins over a passing step', progressing(), seen({ request: ABORT }), 'Aborted', 'give-back'],
    [
      'an abort wins over a failing step',
      progressing(),
      seen({ request: ABORT, readings: [aReading('FAIL')] }),
      'Aborted',
      'give-back',
    ],
    ['an abort wins over Paused', paused, seen({ request: ABORT }), 'Aborted', 'give-back'],
    ['an abort wins over a step that awaits its approval', awaiting, seen({ request: ABORT }), 'Aborted', 'give-back'],
    [
      'an abort of what never had traffic takes it from nobody',
      { phase: 'Pending' },
      seen({ request: ABORT, blockedBy: 'other' }),
      'Aborted',
      'leave',
    ],
    ['a champion that changed meanwhile ends it', ready, seen({ championNow: OTHER }), 'RolledBack', 'give-back'],
    [
      'a promoted one is not aborted any more',
      { phase: 'Promoted', at: at(0) },
      seen({ request: ABORT }),
      'Promoted',
      'leave',
    ],
  ])('%s', (_, status, observation, phase, traffic) => {
    const decision = advanceRollout(aRollout(status), observation);
    expect([decision.status.phase, decision.traffic]).toEqual([phase, traffic]);
  });

  it('begins its evidence anew after the data plane had given another share', () => {
    const lapsed = advanceRollout(aRollout(progressing()), seen({ actualWeight: 0, readings: [aReading('PASS')] }));
    expect(lapsed.status).toMatchObject({ phase: 'Progressing', inForceSince: null, readings: [] });
    const back = advanceRollout(aRollout(lapsed.status), seen({ now: at(12) }));
    expect(back.status).toMatchObject({
      phase: 'Progressing',
      step: 0,
      inForceSince: at(12),
      blindSince: null,
      blindMs: 2_000,
    });
    expect(gatesToRead(aRollout(back.status))?.notBefore).toEqual(at(12));
  });

  it.each([
    ['a failing gate', progressing(), seen({ readings: [aReading('FAIL')] }), true],
    ['a wrong question', progressing(), seen({ readings: [aReading('INVALID')] }), false],
    ['traffic that nobody confirmed', progressing({ traffic: TRAFFIC }), seen({ lapsed: true }), false],
    ['indecision', progressing(), seen({ now: at(40), readings: [aReading('UNDECIDED')] }), true],
    ['blindness', progressing({ blindSince: at(0) }), seen({ now: at(20), readings: [] }), false],
    ['a champion that changed', progressing(), seen({ championNow: OTHER }), false],
  ])('charges %s rightly', (_, status, observation, charged) => {
    expect(advanceRollout(aRollout(status), observation).status).toMatchObject({ phase: 'RolledBack', charged });
  });

  it.each([
    ['no step', { ...POLICY, steps: [] }],
    ['a step without gates', { ...POLICY, steps: [{ weight: 10, holdSeconds: 0, gates: [] }] }],
  ])('a policy with %s promotes nothing', (_, policy) => {
    let rollout = aRollout({ phase: 'Pending' }, policy);
    for (let i = 0; i < 5; i += 1)
      rollout = { ...rollout, status: advanceRollout(rollout, seen({ now: at(10 + i) })).status };
    expect(rollout.status.phase).toBe('RolledBack');
  });

  const readings = fc.array(
    fc
      .tuple(fc.constantFrom(...VERDICTS), fc.integer({ min: -20, max: 120 }), fc.constantFrom(null, 0, 100))
      .map(([verdict, newest, samples]) => aReading(verdict, at(newest), samples)),
    { maxLength: 2 },
  );
  const observation = fc.record({
    actualWeight: fc.constantFrom(null, 0, 10, 50),
    readings,
    championNow: fc.constantFrom(CHAMPION, CHAMPION, CHAMPION, CHAMPION, OTHER, null),
    request: fc.constantFrom(null, null, null, null, PAUSE, RESUME, ABORT),
    waited: fc.nat(10),
  });

  it('never leaves the transition table, gives only the weights of its steps, and repeats itself', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 30 }), (observations) => {
        let rollout = aRollout();
        let second = 0;
        for (const { waited, ...each } of observations) {
          second += waited;
          const now = { ...each, now: at(second) };
          const decision = advanceRollout(rollout, now);
          const { phase } = decision.status;
          expect(mayFollow<RolloutStatus['phase']>(ROLLOUT_TRANSITIONS, rollout.status.phase, phase)).toBe(true);
          expect(['leave', 'give-back', 10, 50]).toContain(decision.traffic);
          if (decision.traffic === 'give-back') expect(['RolledBack', 'Aborted']).toContain(phase);
          if (typeof decision.traffic === 'number') expect(decision.traffic).toBeLessThanOrEqual(weightOf(rollout));
          if (each.request?.verb === 'abort') expect(isEnded(decision.status)).toBe(true);
          expect(advanceRollout(rollout, now)).toEqual(decision);
          rollout = { ...rollout, status: decision.status };
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never goes on without a PASS on samples newer than the step being in force', () => {
    fc.assert(
      fc.property(
        readings,
        fc.constantFrom(0, 1),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        (read, step, inForce, now) => {
          const rollout = aRollout(progressing({ step, inForceSince: at(inForce), stepSince: at(inForce) }));
          const weight = step === 0 ? 10 : 50;
          const { status } = advanceRollout(rollout, seen({ now: at(now), actualWeight: weight, readings: read }));
          const advanced = status.phase === 'Ready' || (status.phase === 'Progressing' && status.step > step);
          if (!advanced) return;
          expect(read.length).toBeGreaterThan(0);
          for (const { verdict, evidence } of read) {
            expect(verdict).toBe('PASS');
            expect(evidence.length).toBeGreaterThan(0);
            for (const { samples, newestAt } of evidence) {
              expect(samples).toBeGreaterThan(0);
              expect(newestAt?.getTime()).toBeGreaterThanOrEqual(at(inForce).getTime());
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('ends by itself when nothing can ever be seen', () => {
    let rollout = aRollout();
    for (let second = 0; second < 60; second += 1) {
      rollout = { ...rollout, status: advanceRollout(rollout, seen({ now: at(second), readings: [] })).status };
    }
    expect(rollout.status).toMatchObject({ phase: 'RolledBack', charged: false });
  });
});
