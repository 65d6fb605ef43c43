import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { someSpec } from '../../models/testing/index.js';
import { aFinding, aTrigger, CHAMPION, later, REFERENCE, T0 } from '../testing/index.js';
import type { Attribution } from './attribution.js';
import { obstacleTo } from './obstacles.js';
import { LADDERS } from './remedy-ladder.js';
import type { RemedyOutcome } from './remedy-outcome.js';
import { REMEDIES, REMEDY_NAMES, remedyAt } from './remedy.js';
import { decide, freshSince, nextTriggerId, type PolicyInput, sameDecision } from './trigger-policy.js';
import { CAUSES, type Cause, type Trigger, type TriggerOutcome } from './trigger.js';

const because = (cause: Attribution['cause']): Attribution => ({
  ...{ cause, reasons: ['Because.'], row: 'test', asks: null },
});
const input = (changes: Partial<PolicyInput> = {}): PolicyInput => ({
  model: 'digits',
  policy: { ...someSpec().triggers, coolDownSeconds: 60 },
  champion: CHAMPION,
  reference: REFERENCE,
  findings: [aFinding('fidelity', 'alarm', { changeAt: later(5) })],
  triggers: [],
  outcomes: [],
  lockHolder: null,
  changes: [],
  charges: [],
  fresh: { rows: 1_000, labelled: 1_000 },
  now: later(1_000),
  ...changes,
});
const ladder = (cause: string, ...names: string[]) => ({ policy: { ...input().policy, ladders: { [cause]: names } } });
const charge = (runnerSeconds: number, gpuSeconds = 0) => [
  { trigger: 'digits-t1', runnerSeconds, gpuSeconds, at: later(10) },
];
const REMEDY = remedyAt('quantize-static', 0);
const ended = (
  number: number,
  outcome: TriggerOutcome,
  cause: Cause = 'compression-damage',
  at = T0,
  remedy = REMEDY,
) => aTrigger(number, { cause, remedy }, { phase: 'Resolved', outcome, detail: '', at });

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
    [
      'an experiment is open',
      'latency',
      { changes: [{ kind: 'experiment', id: 'digits-m1-x', phase: 'Waiting' }] },
      'wait',
      'experiment digits-m1-x is Waiting',
    ],
    ['the budget is spent', 'latency', { charges: charge(3_600) }, 'refuse', '2026-01-02T00:00:10.000Z'],
    ['the GPU budget is spent', 'latency', { charges: charge(1, 3_600) }, 'refuse', '3600 of 3600 GPU seconds'],
    [
      'the hours are quiet',
      'world-changed',
      {
        policy: {
          ...someSpec().triggers,
          quietHours: [{ from: '00:00', until: '06:00', days: [4], timeZone: 'UTC' }],
        },
      },
      'wait',
      'Quiet hours until 2026-01-01T06:00:00.000Z',
    ],
    [
      'the latency ladder trains',
      'latency',
      ladder('latency', 'quantize-static', 'incremental-distillation'),
      'refuse',
      'never retrained',
    ],
    ['a ladder names an unknown remedy', 'latency', ladder('latency', 'magic'), 'refuse', '"magic"'],
    ['a ladder is for an unknown cause', 'latency', ladder('latancy', 'quantize-static'), 'refuse', '"latancy"'],
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
    const triggers: Trigger[] = [];
    for (const [rung, name] of LADDERS['compression-damage'].entries()) {
      const proposal = decide(because('compression-damage'), input({ triggers }));
      expect(proposal.spec?.remedy).toEqual(remedyAt(name, rung));
      const outcome: TriggerOutcome = triggers.length % 2 === 0 ? 'refused' : 'failed';
      triggers.unshift(ended(triggers.length + 1, outcome, 'compression-damage', T0, remedyAt(name, rung)));
    }
    const proposal = decide(because('compression-damage'), input({ triggers }));
    expect(proposal).toMatchObject({ action: 'refuse', spec: null });
    expect(proposal.reasons.join(' ')).toContain('All 5 remedies');
  });
});

it('says until when a refusal holds, where time decides it', () => {
  const until = (changes: Partial<PolicyInput>) => decide(because('latency'), input(changes)).until;
  expect(until({ triggers: [ended(1, 'promoted', 'latency', later(950))] })).toEqual(later(1_010));
  expect(until({ charges: charge(3_600) })).toEqual(later(10 + 86_400));
  expect(until({ lockHolder: 'digits-m1' })).toBeNull();
  expect(until({})).toBeNull();
});

it('lets a GPU budget of nothing hold back only what needs GPUs', () => {
  const none = { ...input().policy, gpuSecondsPerDay: 0 };
  const around = input({ policy: none });
  expect(obstacleTo('latency', REMEDY, around)).toBeNull();
  expect(obstacleTo('latency', { ...REMEDY, gpus: 1 }, around)).toMatchObject({ action: 'refuse', until: null });
});

describe('a latency cause', () => {
  const names = fc.constantFrom(...REMEDY_NAMES);
  const anyOutcome: fc.Arbitrary<RemedyOutcome> = fc.record({
    trigger: fc.constant('digits-t9'),
    model: fc.constantFrom('digits', 'other'),
    cause: fc.constantFrom(...CAUSES),
    remedy: names,
    outcome: fc.constantFrom('promoted', 'refused', 'failed'),
    at: fc.integer({ min: -1_000_000, max: 1_000 }).map(later),
    runnerSeconds: fc.nat(5_000),
    gpuSeconds: fc.nat(5_000),
    figures: fc.constant(null),
  });
  it('never leads to a training, whatever was learned and whoever wrote the ladder', () => {
    fc.assert(
      fc.property(
        fc.array(anyOutcome, { maxLength: 40 }),
        fc.option(fc.array(names, { minLength: 1, maxLength: 6 }), { nil: undefined }),
        fc.array(names, { maxLength: 4 }),
        fc.boolean(),
        (outcomes, own, refused, learnFromOutcomes) => {
          const ladders = own === undefined ? {} : { latency: own };
          const policy = { ...input().policy, ladders, learnFromOutcomes };
          const triggers = refused.map((name, n) => ended(n + 1, 'refused', 'latency', T0, remedyAt(name, 0)));
          const { spec, action, reasons } = decide(because('latency'), input({ outcomes, policy, triggers }));
          if (spec !== null) expect(REMEDIES[spec.remedy.name!].trains).toBe(false);
          if (own?.some((name) => REMEDIES[name].trains) === true) {
            expect(action).toBe('refuse');
            expect(reasons.join(' ')).toContain('never retrained');
          }
        },
      ),
      { numRuns: 300 },
    );
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

const NEW = { row: 'test', until: null, evidence: null };
it('takes decisions that differ in figures only for the same', () => {
  const decision = { model: 'm', at: T0, action: 'wait', cause: 'unclear', trigger: null, ...NEW } as const;
  const say = (reason: string) => ({ ...decision, reasons: [reason] });
  expect(
    sameDecision(say('3.5 % of 200 at 2026-01-01T00:00:00.000Z'), say('4.1 % of 210 at 2026-01-01T00:01:00.000Z')),
  ).toBe(true);
  expect(sameDecision(say('wait for labels'), say('wait for samples'))).toBe(false);
  expect(sameDecision(say('x'), { ...say('x'), action: 'refuse' })).toBe(false);
});
