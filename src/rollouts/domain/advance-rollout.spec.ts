import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow, VERDICTS } from '../../kernel/index.js';
import { aReading, aRollout, at, CHAMPION, OTHER, POLICY, progressing } from '../testing/index.js';
import { advanceRollout, gatesToRead, type RolloutObservation } from './advance-rollout.js';
import { ROLLOUT_TRANSITIONS, type RolloutStatus } from './rollout.js';

const ABORT = { verb: 'abort', by: 'ann', reason: 'enough' } as const;
const PAUSE = { verb: 'pause', by: 'ann', reason: 'a moment' } as const;
const RESUME = { verb: 'resume', by: 'ann', reason: 'go on' } as const;

function seen(over: Partial<RolloutObservation> = {}): RolloutObservation {
  return { now: at(10), actualWeight: 10, readings: [aReading('PASS')], championNow: CHAMPION, request: null, ...over };
}

const ready: RolloutStatus = { phase: 'Ready', since: at(0), readings: [] };
const paused: RolloutStatus = { phase: 'Paused', step: 1, since: at(0), by: 'ann', reason: 'a moment' };

describe('advanceRollout', () => {
  it.each<[string, RolloutStatus, RolloutObservation, RolloutStatus['phase'], number | null]>([
    ['a new one enters the first step', { phase: 'Pending' }, seen({ actualWeight: 0 }), 'Progressing', 10],
    ['a passed step leads to the next', progressing(), seen(), 'Progressing', 50],
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
      'a failing gate goes back at once',
      progressing(),
      seen({ now: at(1), readings: [aReading('FAIL', at(1))] }),
      'RolledBack',
      null,
    ],
    [
      'a failing gate goes back although the data plane cannot be seen',
      progressing(),
      seen({ actualWeight: null, readings: [aReading('FAIL')] }),
      'RolledBack',
      null,
    ],
    [
      'a question that is wrong goes back',
      progressing(),
      seen({ readings: [aReading('INVALID')] }),
      'RolledBack',
      null,
    ],
    ['a blind gate holds', progressing(), seen({ readings: [aReading('BLIND')] }), 'Progressing', 10],
    ['a gate that was not read holds', progressing(), seen({ readings: [] }), 'Progressing', 10],
    [
      'blindness beyond its budget goes back',
      progressing({ blindSince: at(0) }),
      seen({ now: at(20), readings: [aReading('BLIND')] }),
      'RolledBack',
      null,
    ],
    [
      'flickering blindness beyond its budget goes back',
      progressing({ blindSince: at(5), blindMs: 15_000 }),
      seen({ readings: [aReading('BLIND')] }),
      'RolledBack',
      null,
    ],
    ['undecided evidence waits', progressing(), seen({ readings: [aReading('UNDECIDED')] }), 'Progressing', 10],
    [
      'undecided evidence beyond its budget goes back',
      progressing(),
      seen({ now: at(40), readings: [aReading('UNDECIDED')] }),
      'RolledBack',
      null,
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
      null,
    ],
    ['a pause keeps the weight', progressing(), seen({ request: PAUSE }), 'Paused', 10],
    ['a paused one stays, whatever the gates say', paused, seen({ readings: [aReading('FAIL')] }), 'Paused', 50],
    ['a resumed one begins its step anew', paused, seen({ request: RESUME }), 'Progressing', 50],
    ['a ready one holds its weight', ready, seen(), 'Ready', 50],
    ['an abort wins over Ready', ready, seen({ request: ABORT }), 'Aborted', null],
    ['an abort wins over a passing step', progressing(), seen({ request: ABORT }), 'Aborted', null],
    ['an abort wins over Pending', { phase: 'Pending' }, seen({ request: ABORT }), 'Aborted', null],
    ['a champion that changed meanwhile ends it', ready, seen({ championNow: OTHER }), 'RolledBack', null],
    [
      'a promoted one is not aborted any more',
      { phase: 'Promoted', at: at(0) },
      seen({ request: ABORT }),
      'Promoted',
      0,
    ],
  ])('%s', (_, status, observation, phase, weight) => {
    const decision = advanceRollout(aRollout(status), observation);
    expect([decision.status.phase, decision.weight]).toEqual([phase, weight]);
  });

  it('begins its evidence anew after the gateways had given the traffic back', () => {
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
          expect([null, 10, 50]).toContain(phase === 'Promoted' ? null : decision.weight);
          expect(decision.weight === null).toBe(phase === 'RolledBack' || phase === 'Aborted');
          if (each.request?.verb === 'abort') expect(decision.weight).toBeNull();
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
