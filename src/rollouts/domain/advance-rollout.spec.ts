import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow, type Verdict, VERDICTS } from '../../kernel/index.js';
import type { Gate, RolloutPolicy } from '../../models/index.js';
import { aReading, aRollout, at, CHAMPION, GATE, OTHER, POLICY, progressing } from '../testing/index.js';
import { advanceRollout, type TrafficWish } from './advance-rollout.js';
import { gatesToRead } from './gates.js';
import type { RolloutObservation } from './observation.js';
import { type GateReading, isEnded, ROLLOUT_TRANSITIONS, type RolloutStatus, weightOf } from './rollout.js';

const ABORT = { verb: 'abort', by: 'ann', reason: 'enough' } as const;
const PAUSE = { verb: 'pause', by: 'ann', reason: 'a moment' } as const;
const RESUME = { verb: 'resume', by: 'ann', reason: 'go on' } as const;

function seen(over: Partial<RolloutObservation> = {}): RolloutObservation {
  return { now: at(10), actualWeight: 10, readings: [aReading('PASS')], championNow: CHAMPION, request: null, ...over };
}

const TRAFFIC = { set: 10, setAt: at(0), actual: 10, actualAt: at(0) };
const ready: RolloutStatus = { phase: 'Ready', since: at(0), readings: [] };
const paused: RolloutStatus = { phase: 'Paused', step: 1, since: at(0), by: 'ann', reason: 'a moment' };
const bySignal: RolloutStatus = { ...paused, step: 0, by: 'system:rollouts', cause: 'signal', gates: ['error-ratio'] };
const byBlindness: RolloutStatus = { ...paused, step: 0, by: 'system:rollouts', cause: 'blind' };
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

/** The policy with its one gate changed in every step. */
function withGate(over: Partial<Gate>): RolloutPolicy {
  const gate = { ...GATE, ...over } as Gate;
  return { ...POLICY, steps: POLICY.steps.map((step) => ({ ...step, gates: [gate] })) };
}
