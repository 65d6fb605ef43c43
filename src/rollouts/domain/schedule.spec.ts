import { describe, expect, it } from '@jest/globals';
import { aReading, aRollout, at, POLICY, progressing } from '../testing/index.js';
import type { RolloutStatus } from './rollout.js';
import { scheduleOf } from './schedule.js';

const paused: RolloutStatus = { phase: 'Paused', step: 1, since: at(0), by: 'ann', reason: 'a moment' };
const APPROVED = { ...POLICY, steps: POLICY.steps.map((step, n) => ({ ...step, approval: n === 1 })) };

describe('the schedule ahead', () => {
  it('of a new one is every step at its earliest', () => {
    const { steps, readyAt, confirmBy } = scheduleOf(aRollout(), at(0), null);
    expect(steps).toMatchObject([
      {
        step: 0,
        weight: 10,
        state: 'planned',
        from: at(0),
        until: at(3),
        waitsFor: ['PASS of the guardrail error-ratio'],
      },
      { step: 1, weight: 50, state: 'planned', from: at(3), until: at(6) },
    ]);
    expect([readyAt, confirmBy]).toEqual([at(6), null]);
  });

  it('goes on from what is so', () => {
    const { steps, readyAt } = scheduleOf(aRollout(progressing({ step: 1, inForceSince: at(1) })), at(2), null);
    expect(steps).toMatchObject([{ state: 'past' }, { state: 'present', from: at(1), until: at(4) }]);
    expect(readyAt).toEqual(at(4));
  });

  it('never promises what is over', () => {
    const late = progressing({ step: 1, inForceSince: at(1), readings: [aReading('UNDECIDED')] });
    const { steps, readyAt } = scheduleOf(aRollout(late), at(30), null);
    expect(readyAt).toEqual(at(30));
    expect(steps[1]?.waitsFor).toEqual(['error-ratio, which is UNDECIDED: said UNDECIDED']);
  });

  it.each<[string, RolloutStatus, string]>([
    ['an approval', { phase: 'AwaitingApproval', step: 1, since: at(0), readings: [], proven: 0 }, 'an approval'],
    ['a person', paused, 'somebody who resumes (paused by ann)'],
    ['a signal', { ...paused, cause: 'signal', gates: ['cost'] }, 'PASS of cost, or somebody who resumes'],
    ['sight', { ...paused, cause: 'blind' }, 'its gates to see again, or somebody who resumes'],
  ])('knows no time while it waits for %s', (_, status, waitsFor) => {
    const { steps, readyAt } = scheduleOf(aRollout(status, APPROVED), at(2), null);
    expect(readyAt).toBeNull();
    expect(steps.find(({ state }) => state === 'present')?.waitsFor).toEqual([waitsFor]);
    expect(steps.filter(({ state }) => state !== 'past').map(({ until }) => until)).toEqual(
      steps.filter(({ state }) => state !== 'past').map(() => null),
    );
  });

  it('says what happens by itself, the next first', () => {
    const status = progressing({ blindSince: at(5), blindMs: 2_000, readings: [aReading('UNDECIDED')] });
    const schedule = scheduleOf(aRollout(status), at(10), at(14));
    expect(schedule.deadlines).toEqual([
      { at: at(14), what: 'traffic goes back unless the weight is confirmed' },
      { at: at(23), what: 'roll-back unless it can be seen' },
      { at: at(42), what: 'the undecided gates give up' },
    ]);
    expect(schedule.confirmSecondsLeft).toBe(4);
    expect(scheduleOf(aRollout(status), at(20), at(14)).confirmSecondsLeft).toBe(0);
  });

  it('of an ended one is over', () => {
    const ended = scheduleOf(aRollout({ phase: 'Aborted', at: at(1), by: 'ann', reason: '' }), at(2), at(9));
    expect(ended).toMatchObject({ readyAt: null, deadlines: [], confirmBy: null, confirmSecondsLeft: null });
  });
});
