import { describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../kernel/index.js';
import type { Gate, RolloutPolicy } from '../../models/index.js';
import { aReading, aRollout, at, CHAMPION, GATE, POLICY, progressing } from '../testing/index.js';
import { advanceRollout } from './advance-rollout.js';
import { gatesToRead } from './gates.js';
import type { RolloutObservation } from './observation.js';
import { type GateReading, type RolloutStatus, weightOf } from './rollout.js';

const PAUSE = { verb: 'pause', by: 'ann', reason: 'a moment' } as const;
const RESUME = { verb: 'resume', by: 'ann', reason: 'go on' } as const;

function seen(over: Partial<RolloutObservation> = {}): RolloutObservation {
  return { now: at(10), actualWeight: 10, readings: [aReading('PASS')], championNow: CHAMPION, request: null, ...over };
}

const ready: RolloutStatus = { phase: 'Ready', since: at(0), readings: [] };
const paused: RolloutStatus = { phase: 'Paused', step: 1, since: at(0), by: 'ann', reason: 'a moment' };
const bySignal: RolloutStatus = { ...paused, step: 0, by: 'system:rollouts', cause: 'signal', gates: ['error-ratio'] };
const byBlindness: RolloutStatus = { ...paused, step: 0, by: 'system:rollouts', cause: 'blind' };
const awaiting: RolloutStatus = { phase: 'AwaitingApproval', step: 1, since: at(0), readings: [], proven: 0 };

describe('advanceRollout, by policy and by people', () => {
  describe('signals', () => {
    const policy = withGate({ role: 'signal' });
    const signal = (verdict: Verdict, newest = at(5)): GateReading => ({
      ...aReading(verdict, newest),
      gate: { ...GATE, role: 'signal' },
    });
    const run = (status: RolloutStatus, over: Partial<RolloutObservation>) =>
      advanceRollout(aRollout(status, policy), seen(over));

    it.each(['FAIL', 'INVALID'] as const)('pause on %s and keep the weight', (verdict) => {
      const { status, traffic } = run(progressing(), { readings: [signal(verdict)] });
      expect(status).toMatchObject({ phase: 'Paused', cause: 'signal', gates: ['error-ratio'], by: 'system:rollouts' });
      expect(traffic).toBe(10);
    });

    it("pause when they stay undecided, at nobody's charge", () => {
      const { status } = run(progressing(), { now: at(40), readings: [signal('UNDECIDED')] });
      expect(status).toMatchObject({ phase: 'Paused', cause: 'signal' });
    });

    it('let it go on by themselves once they pass on evidence newer than the pause', () => {
      expect(run(bySignal, { readings: [signal('PASS')] }).status).toMatchObject({ phase: 'Progressing', step: 0 });
      expect(run(bySignal, { readings: [signal('PASS', at(-1))] }).status.phase).toBe('Paused');
      expect(run(bySignal, { readings: [signal('UNDECIDED')] }).status.phase).toBe('Paused');
    });

    it('are overruled by whoever resumes, for this step, but must still see', () => {
      const resumed = run(bySignal, { request: RESUME, readings: [signal('FAIL')] });
      expect(resumed).toMatchObject({
        status: { phase: 'Progressing', overruled: ['error-ratio'] },
        answered: { verb: 'resume', followed: true },
      });
      const going = progressing({ overruled: ['error-ratio'] });
      expect(run(going, { readings: [signal('FAIL')] }).status).toMatchObject({ step: 1, proven: null, overruled: [] });
      expect(run(going, { readings: [signal('BLIND')] }).status).toMatchObject({ step: 0, blindSince: at(10) });
      expect(run(going, { readings: [signal('INVALID')] }).status).toMatchObject({ step: 0, blindSince: at(10) });
    });

    it('do not wake a pause that a person took over', () => {
      const taken = run(bySignal, { request: PAUSE, readings: [signal('FAIL')] }).status;
      expect(taken).toMatchObject({ phase: 'Paused', cause: 'person', by: 'ann' });
      expect(run(taken, { now: at(20), readings: [signal('PASS', at(15))] }).status.phase).toBe('Paused');
    });
  });

  describe('dry runs', () => {
    const dry = { ...GATE, name: 'rehearsal', dryRun: true };
    const policy = { ...POLICY, background: [dry] };

    it.each(['FAIL', 'INVALID', 'UNDECIDED', 'BLIND'] as const)('have no effect when they say %s', (verdict) => {
      const readings = [aReading('PASS'), { ...aReading(verdict), gate: dry }];
      const { status } = advanceRollout(aRollout(progressing(), policy), seen({ readings }));
      expect(status).toMatchObject({ phase: 'Progressing', step: 1 });
    });

    it('are no gate: a step of nothing but them lets nothing through', () => {
      const only = withGate({ dryRun: true });
      const readings = [{ ...aReading('PASS'), gate: { ...GATE, dryRun: true } }];
      expect(advanceRollout(aRollout(progressing(), only), seen({ readings })).status).toMatchObject({
        ...{ phase: 'RolledBack', cause: 'no-gates', charged: false },
      });
    });
  });

  it('reads the gates in the background with every step', () => {
    const slow: Gate = { kind: 'latency-p95', maxMs: 5, minimumSamples: 1 };
    const rollout = aRollout(progressing(), { ...POLICY, background: [slow] });
    expect(gatesToRead(rollout)?.gates).toEqual([GATE, slow]);
    const verdictOf = (verdict: Verdict) =>
      advanceRollout(rollout, seen({ readings: [aReading('PASS'), { ...aReading(verdict), gate: slow }] })).status;
    expect(verdictOf('PASS')).toMatchObject({ phase: 'Progressing', step: 1 });
    expect(verdictOf('BLIND')).toMatchObject({ phase: 'Progressing', step: 0, blindSince: at(10) });
    expect(verdictOf('FAIL').phase).toBe('RolledBack');
  });

  describe('when the budget of blindness is spent', () => {
    const blind = (onBlind: 'step-back' | 'hold', over: Parameters<typeof progressing>[0]) =>
      advanceRollout(
        aRollout(progressing({ blindSince: at(0), ...over }), { ...POLICY, onBlind }),
        seen({ now: at(20), actualWeight: 50, readings: [aReading('BLIND')] }),
      );

    it('goes back to the last weight that was proven, and on from there once it can see', () => {
      const { status, traffic } = blind('step-back', { step: 1, proven: 0 });
      expect(status).toMatchObject({ phase: 'Paused', cause: 'blind', step: 0 });
      expect(traffic).toBe(10);
      const on = (readings: GateReading[], weight: number | null = 10) =>
        advanceRollout(aRollout(status), seen({ now: at(30), actualWeight: weight, readings })).status;
      expect(on([aReading('BLIND', at(25))]).phase).toBe('Paused');
      expect(on([aReading('PASS', at(25))], 50).phase).toBe('Paused');
      expect(on([aReading('UNDECIDED', at(25))])).toMatchObject({ phase: 'Progressing', step: 0, proven: 0 });
    });

    it('goes back altogether when no weight was proven', () => {
      expect(blind('step-back', { step: 1, proven: null }).status).toMatchObject({
        phase: 'RolledBack',
        cause: 'blind',
      });
    });

    it('holds the weight', () => {
      expect(blind('hold', { step: 1 })).toMatchObject({
        status: { phase: 'Paused', cause: 'blind', step: 1 },
        traffic: 50,
      });
    });

    it('lets somebody resume what it holds', () => {
      expect(advanceRollout(aRollout(byBlindness), seen({ request: RESUME })).status.phase).toBe('Progressing');
    });
  });

  describe('approvals', () => {
    const policy = { ...POLICY, steps: POLICY.steps.map((step) => ({ ...step, approval: true })) };
    const run = (status: RolloutStatus, over: Partial<RolloutObservation> = {}) =>
      advanceRollout(aRollout(status, policy), seen(over));
    const APPROVE = { verb: 'approve', by: 'bob', reason: 'go' } as const;

    it('are awaited before the step, at the weight of the one before', () => {
      expect(run({ phase: 'Pending' })).toMatchObject({
        status: { phase: 'AwaitingApproval', step: 0 },
        traffic: 'leave',
      });
      expect(run(progressing())).toMatchObject({
        status: { phase: 'AwaitingApproval', step: 1, proven: 0 },
        traffic: 10,
      });
      expect(run(awaiting, { request: RESUME })).toMatchObject({ status: { phase: 'AwaitingApproval' }, traffic: 10 });
    });

    it('let it in, and a guardrail that fails meanwhile does not', () => {
      expect(run(awaiting, { request: APPROVE }).status).toMatchObject({ phase: 'Progressing', step: 1, proven: 0 });
      expect(run(awaiting, { request: APPROVE, readings: [aReading('FAIL')] }).status.phase).toBe('RolledBack');
    });

    it('are not asked again for a step that was paused', () => {
      expect(run(paused, { request: RESUME }).status.phase).toBe('Progressing');
    });

    it('may be given as a start of the first step', () => {
      const first: RolloutStatus = { ...awaiting, step: 0, proven: null };
      const start = { ...APPROVE, verb: 'start' } as const;
      expect(run(first, { request: start }).answered).toMatchObject({ verb: 'start', followed: true });
      expect(run(awaiting, { request: start }).answered).toMatchObject({ verb: 'start', followed: false });
    });
  });

  describe('advance and promote', () => {
    const ADVANCE = { verb: 'advance', by: 'bob', reason: 'enough seen' } as const;
    const PROMOTE = { verb: 'promote', by: 'bob', reason: 'we need it' } as const;
    const run = (status: RolloutStatus, over: Partial<RolloutObservation>) =>
      advanceRollout(aRollout(status), seen(over));

    it('leave out the rest of a hold', () => {
      const young = { now: at(2), readings: [aReading('PASS', at(1))] };
      expect(run(progressing(), { ...young, request: ADVANCE }).status).toMatchObject({ step: 1, proven: 0 });
      expect(run(progressing(), { ...young, request: PROMOTE }).status).toMatchObject({
        ...{ phase: 'Ready', step: 0, promotion: { by: 'bob', reason: 'we need it' } },
      });
    });

    it('leave out an undecided gate, which proves nothing; but nothing undecided is promoted', () => {
      const undecided = { readings: [aReading('UNDECIDED')] };
      expect(run(progressing(), { ...undecided, request: ADVANCE })).toMatchObject({
        ...{ status: { step: 1, proven: null }, answered: { followed: true } },
      });
      expect(run(progressing(), { ...undecided, request: PROMOTE })).toMatchObject({
        ...{ status: { phase: 'Progressing', step: 0 }, answered: { followed: false } },
      });
    });

    it.each<[string, RolloutStatus, Partial<RolloutObservation>]>([
      ['a guardrail that fails', progressing(), { readings: [aReading('FAIL')] }],
      ['a gate that cannot see', progressing(), { readings: [aReading('BLIND')] }],
      ['a gate that was not read', progressing(), { readings: [] }],
      ['a weight that is not in force', progressing(), { actualWeight: 0 }],
      ['a data plane that cannot be seen', progressing(), { actualWeight: null }],
      ['a step that has just begun', progressing({ inForceSince: null }), { readings: [] }],
      ['nothing seen since the pause', paused, { actualWeight: 50, readings: [] }],
      ['nothing seen at all', { ...awaiting, step: 0, proven: null }, { readings: [] }],
    ])('never get past %s', (_, status, over) => {
      for (const request of [ADVANCE, PROMOTE]) {
        const { status: after, answered, traffic } = run(status, { ...over, request });
        expect(after.phase === 'RolledBack' || answered?.followed === false).toBe(true);
        expect(after.phase).not.toBe('Ready');
        expect(typeof traffic === 'number' ? traffic : 0).toBeLessThanOrEqual(weightOf(aRollout(status)));
      }
    });

    it('are kept for the promotion when it is Ready already', () => {
      expect(run(ready, { request: PROMOTE }).status).toMatchObject({ phase: 'Ready', promotion: { by: 'bob' } });
    });
  });
});
/** The policy with its one gate changed in every step. */
function withGate(over: Partial<Gate>): RolloutPolicy {
  const gate = { ...GATE, ...over } as Gate;
  return { ...POLICY, steps: POLICY.steps.map((step) => ({ ...step, gates: [gate] })) };
}
