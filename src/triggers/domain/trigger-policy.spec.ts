import { describe, expect, it } from '@jest/globals';
import { someSpec } from '../../models/testing/index.js';
import { aFinding, aTrigger, CHAMPION, later, REFERENCE, T0 } from '../testing/index.js';
import type { Attribution } from './attribution.js';
import { LADDERS, nextRemedy } from './remedy-ladder.js';
import { decide, freshSince, nextTriggerId, type PolicyInput, sameDecision } from './trigger-policy.js';
import type { Cause, TriggerOutcome } from './trigger.js';

const because = (cause: Attribution['cause']): Attribution => ({ cause, reasons: ['Because.'], row: 'test' });
const input = (changes: Partial<PolicyInput> = {}): PolicyInput => ({
  policy: { ...someSpec().triggers, coolDownSeconds: 60 },
  champion: CHAMPION,
  reference: REFERENCE,
  findings: [aFinding('fidelity', 'alarm', { changeAt: later(5) })],
  triggers: [],
  lockHolder: null,
  spentSeconds: 0,
  fresh: { rows: 1_000, labelled: 1_000 },
  now: later(1_000),
  ...changes,
});
const ended = (number: number, outcome: TriggerOutcome, cause: Cause = 'compression-damage', at = T0) =>
  aTrigger(number, { cause }, { phase: 'Resolved', outcome, detail: '', at });

describe('policy', () => {
  it('opens with the cheapest remedy, the champion and the estimated change', () => {
    const proposal = decide(because('compression-damage'), input());
    expect(proposal).toMatchObject({ action: 'open', cause: 'compression-damage' });
    expect(proposal.spec).toMatchObject({
      remedy: { recipe: 'quantize-static', rung: 0, parameters: {} },
      champion: CHAMPION,
      reference: REFERENCE,
      freshSince: later(5),
    });
  });

  it.each<[string, Attribution['cause'], Partial<PolicyInput>, string, string]>([
    ['nothing is the matter', 'none', {}, 'wait', 'Because'],
    ['the cause is unclear', 'unclear', {}, 'wait', 'Because'],
    ['a trigger is open', 'latency', { triggers: [aTrigger(1)] }, 'wait', 'digits-t1 is open'],
    [
      'it cools down',
      'world-changed',
      { triggers: [ended(1, 'promoted', 'latency', later(950))] },
      'wait',
      'Cool-down',
    ],
    ['somebody changes what serves', 'latency', { lockHolder: 'digits-m1' }, 'refuse', 'digits-m1'],
    ['the budget is spent', 'latency', { spentSeconds: 3_600 }, 'refuse', 'runner seconds'],
    [
      'fresh samples are few',
      'compression-damage',
      { fresh: { rows: 499, labelled: 499 } },
      'wait',
      '499 of 500 samples',
    ],
    ['fresh labels are few', 'world-changed', { fresh: { rows: 900, labelled: 499 } }, 'wait', '499 of 500 labelled'],
    ['it is a dry run', 'latency', { policy: { ...someSpec().triggers, dryRun: true } }, 'refuse', 'Dry run'],
  ])('opens nothing when %s', (_, cause, changes, action, reason) => {
    const proposal = decide(because(cause), input(changes));
    expect(proposal).toMatchObject({ action, spec: null });
    expect(proposal.reasons.join(' ')).toContain(reason);
  });

  it('lets the very first compression cool down from nothing, the second one not', () => {
    const other = ended(1, 'refused', 'manual', later(999));
    expect(decide(because('no-compressed-champion'), input({ triggers: [other] })).action).toBe('open');
    const own = ended(2, 'refused', 'no-compressed-champion', later(999));
    expect(decide(because('no-compressed-champion'), input({ triggers: [own, other] })).action).toBe('wait');
  });

  it('needs labels for a changed world only', () => {
    const unlabelled = { fresh: { rows: 900, labelled: 0 } };
    expect(decide(because('compression-damage'), input(unlabelled)).action).toBe('open');
  });

  it('climbs the ladder with each refusal and refuses past its end', () => {
    const triggers = [];
    for (const rung of LADDERS['compression-damage']) {
      const proposal = decide(because('compression-damage'), input({ triggers }));
      expect(proposal.spec?.remedy).toEqual({ ...rung, rung: triggers.length });
      triggers.unshift(ended(triggers.length + 1, triggers.length % 2 === 0 ? 'refused' : 'failed'));
    }
    const proposal = decide(because('compression-damage'), input({ triggers }));
    expect(proposal).toMatchObject({ action: 'refuse', spec: null });
    expect(proposal.reasons.join(' ')).toContain('All 3 remedies');
  });
});

describe('the ladder', () => {
  it('counts refusals of this cause on this champion only', () => {
    const elsewhere = aTrigger(
      1,
      { champion: REFERENCE },
      { phase: 'Resolved', outcome: 'refused', detail: '', at: T0 },
    );
    const triggers = [elsewhere, ended(2, 'cancelled'), ended(3, 'promoted'), ended(4, 'refused', 'latency')];
    expect(nextRemedy('compression-damage', CHAMPION, triggers)?.rung).toBe(0);
  });

  it('never trains for latency', () => {
    expect(LADDERS.latency.every((rung) => rung.recipe === 'quantize-static')).toBe(true);
  });
});

describe('fresh samples', () => {
  const at = (monitor: 'accuracy' | 'fidelity' | 'reference-accuracy', second: number) =>
    aFinding(monitor, 'alarm', { changeAt: later(second) });
  it.each([
    ['the newest change of what alarms', 'world-changed', [at('accuracy', 3), at('reference-accuracy', 7)], later(7)],
    [
      'not the reference, when it is not the cause',
      'compression-damage',
      [at('fidelity', 3), at('reference-accuracy', 7)],
      later(3),
    ],
    ['everything, when nothing changed', 'latency', [at('fidelity', 3)], null],
    ['everything, when nobody knows', 'world-changed', [aFinding('accuracy', 'calm')], null],
  ] as const)('show %s', (_, cause, findings, expected) => expect(freshSince(cause, findings)).toEqual(expected));
});

it('numbers triggers by the highest number', () => {
  expect(nextTriggerId('digits', [])).toBe('digits-t1');
  expect(nextTriggerId('digits', [aTrigger(12), aTrigger(3)])).toBe('digits-t13');
});

it('takes decisions that differ in figures only for the same', () => {
  const decision = { model: 'm', at: T0, action: 'wait', cause: 'unclear', trigger: null } as const;
  const say = (reason: string) => ({ ...decision, reasons: [reason] });
  expect(
    sameDecision(say('3.5 % of 200 at 2026-01-01T00:00:00.000Z'), say('4.1 % of 210 at 2026-01-01T00:01:00.000Z')),
  ).toBe(true);
  expect(sameDecision(say('wait for labels'), say('wait for samples'))).toBe(false);
  expect(sameDecision(say('x'), { ...say('x'), action: 'refuse' })).toBe(false);
});
