import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { someSpec } from '../../models/testing/index.js';
import { aTrigger, CHAMPION, later, T0 } from '../testing/index.js';
import { chooseRemedy, type ChoiceInput, standing } from './choose-remedy.js';
import { byExpectedCost, estimateRemedies, LEAST_OUTCOMES } from './remedy-estimate.js';
import { LADDER_CAUSES, type LadderCause, LADDERS } from './remedy-ladder.js';
import { creditOf, type RemedyOutcome } from './remedy-outcome.js';
import type { PlannedRemedy } from './remedy-plan.js';
import { nameOfRemedy, REMEDY_NAMES, remedyAt, type RemedyName } from './remedy.js';
import type { AchievedFigures, Trigger } from './trigger.js';

const CAUSE = 'compression-damage';
const DAY = 86_400;
const anOutcome = (
  remedy: RemedyName,
  outcome: RemedyOutcome['outcome'],
  changes: Partial<RemedyOutcome> = {},
): RemedyOutcome => ({
  ...{ trigger: 'digits-t1', model: 'digits', cause: CAUSE, remedy, outcome, at: T0 },
  ...{ runnerSeconds: 40, gpuSeconds: 0, figures: null },
  ...changes,
});
const many = (count: number, ...of: Parameters<typeof anOutcome>): RemedyOutcome[] =>
  Array.from({ length: count }, () => anOutcome(...of));
const estimate = (outcomes: readonly RemedyOutcome[], now = T0, cause: LadderCause = CAUSE) =>
  estimateRemedies(cause, 'digits', { remedies: LADDERS[cause] }, outcomes, now);
const order = (outcomes: readonly RemedyOutcome[], now = T0): RemedyName[] =>
  byExpectedCost(estimate(outcomes, now)).map(({ remedy }) => remedy);
const WRITTEN = LADDERS[CAUSE];
const policy = (changes: Partial<ChoiceInput['policy']> = {}) => ({ ...someSpec().triggers, ...changes });
const input = (changes: Partial<ChoiceInput> = {}): ChoiceInput => ({
  ...{ model: 'digits', champion: CHAMPION, policy: policy(), triggers: [], outcomes: [], now: T0 },
  ...changes,
});
const refused = (number: number, remedy: RemedyName, cause: LadderCause = CAUSE): Trigger =>
  aTrigger(
    number,
    { cause, remedy: remedyAt(remedy, 0) },
    { phase: 'Resolved', outcome: 'refused', detail: '', at: T0 },
  );

describe('estimates of remedies', () => {
  it.each(LADDER_CAUSES)('without outcomes the order for %s is the ladder as it is written', (cause) => {
    const estimates = estimate([], T0, cause);
    expect(byExpectedCost(estimates)).toEqual(estimates);
    expect(estimates.every(({ learned, success }) => !learned && success === 2 / 3)).toBe(true);
  });

  it('are not learned from fewer than three outcomes, whatever they were', () => {
    const outcomes = many(LEAST_OUTCOMES - 1, WRITTEN[0]!, 'refused', { runnerSeconds: 9_000 });
    expect(order(outcomes)).toEqual(WRITTEN);
    expect(estimate(outcomes)[0]).toMatchObject({ tried: 2, promoted: 0, learned: false, success: 2 / 3 });
  });

  it('move a remedy that keeps failing behind the next one', () => {
    expect(order(many(3, 'quantize-static', 'refused'))[0]).toBe('quantize-static/keep-sensitive');
    const also = [...many(8, 'quantize-static', 'refused'), ...many(8, 'quantize-static/keep-sensitive', 'failed')];
    const dear = many(3, 'incremental-distillation', 'promoted', { runnerSeconds: 90 });
    expect(order([...also, ...dear])[0]).toBe('incremental-distillation');
  });

  it('keep a cheap remedy first when it mostly helps, and say what a success costs', () => {
    const outcomes = [...many(3, 'quantize-static', 'promoted'), anOutcome('quantize-static', 'refused')];
    const [first] = estimate(outcomes);
    // Beta(2 + 3, 1 + 1); the prior counts as one try at the measured scale.
    expect(first).toMatchObject({ tried: 4, promoted: 3, learned: true, success: 5 / 7 });
    expect(first!.costSeconds).toBeCloseTo(40, 6);
    expect(first!.secondsPerSuccess).toBeCloseTo(56, 6);
  });

  it('believe other models less than this one, and never more than two outcomes of them', () => {
    const elsewhere = (count: number) => many(count, 'quantize-static', 'refused', { model: 'other' });
    expect(estimate(elsewhere(11))[0]).toMatchObject({ learned: false, elsewhere: 11 });
    expect(estimate(elsewhere(12))[0]).toMatchObject({ learned: true, elsewhere: 12 });
    expect(estimate(elsewhere(12))[0]!.success).toBeCloseTo(2 / 5, 9);
    expect(estimate(elsewhere(500))[0]!.success).toBeCloseTo(2 / 5, 9);
    expect(estimate(many(12, 'quantize-static', 'refused'))[0]!.success).toBeCloseTo(2 / 15, 9);
  });

  it('forget: what was long ago counts less', () => {
    const outcomes = many(4, 'quantize-static', 'refused');
    expect(estimate(outcomes, later(90 * DAY))[0]!.success).toBeCloseTo(2 / 5, 6);
    expect(estimate(outcomes, later(3_600 * DAY))[0]!.success).toBeCloseTo(2 / 3, 6);
  });

  it('take no outcome of another cause', () => {
    expect(order(many(9, 'quantize-static', 'refused', { cause: 'latency' }))).toEqual(WRITTEN);
  });
});

describe('a plan of the model', () => {
  const planned = (name: string, changes: Partial<PlannedRemedy> = {}): PlannedRemedy => ({
    ...{ name, objections: [], seconds: 45, sizeRatio: 0.3, latencyRatio: 0.5 },
    ...changes,
  });
  const by = (
    plan: readonly PlannedRemedy[],
    outcomes: readonly RemedyOutcome[] = [],
    cause: LadderCause = 'latency',
  ) => estimateRemedies(cause, 'digits', { remedies: LADDERS[cause] }, outcomes, T0, plan);
  const ALL = ['static', 'dynamic', 'static-mixed', 'prune-quantize', 'prune-quantize-distil'];

  it('is the prior of what it speaks of, in seconds, and of nothing else', () => {
    const [first, second] = by([planned('dynamic')]);
    expect(first).toEqual({ ...by([])[0] });
    expect(second).toMatchObject({ remedy: 'compress/dynamic', planned: true, learned: false, costSeconds: 60 });
    expect(second!.secondsPerSuccess).toBeCloseTo(90, 9);
  });

  it('puts first what costs least by it, and last what cannot be done or cannot help', () => {
    const plan = [
      planned('static', { latencyRatio: 1.3 }),
      planned('dynamic', { objections: ['the model has no matrix products'] }),
      ...ALL.slice(2).map((name, at) => planned(name, { seconds: 60 - 10 * at })),
    ];
    expect(byExpectedCost(by(plan)).map(({ remedy }) => remedy)).toEqual([
      ...['compress/prune-quantize-distil', 'compress/prune-quantize', 'compress/static-mixed'],
      ...['quantize-static', 'compress/dynamic'],
    ]);
    expect(byExpectedCost(by(plan, [], 'compression-damage')).map(({ remedy }) => remedy)[0]).toBe('quantize-static');
  });

  it('gives way to what outcomes teach', () => {
    const outcomes = many(9, 'compress/dynamic', 'promoted', { cause: 'latency', runnerSeconds: 30 });
    const found = by([planned('dynamic', { objections: ['no'], seconds: 900 })], outcomes)[1]!;
    expect(found).toMatchObject({ learned: true, planned: true, success: 9.1 / 11 });
    expect(found.costSeconds).toBeCloseTo((915 + 9 * 30) / 10, 9);
  });

  it('is named in the reason of a choice', () => {
    const choice = chooseRemedy('latency', input({ plan: [planned('static')] }));
    expect(choice.reason).toContain('By the latest plan 67 % success and 60 s expected, so 90 s a success.');
  });
});

describe('the credit of an outcome', () => {
  const figures = (champion: number, candidate: number, reference = 0.97): AchievedFigures => ({
    accuracy: { champion, candidate, reference },
    agreement: { champion: 0.9, candidate: 0.95 },
    ...{ sizeRatio: 0.3, speedup: 2, overChampion: 1 },
  });
  it.each<[string, Partial<RemedyOutcome>, number]>([
    ['refused', { outcome: 'refused', figures: figures(0.87, 0.97) }, 0],
    ['promoted, nothing measured', {}, 1],
    ['the whole gap closed', { figures: figures(0.87, 0.97) }, 1],
    ['half of the gap closed', { figures: figures(0.87, 0.92) }, 0.5],
    ['nothing gained', { figures: figures(0.9, 0.9) }, 0.25],
    ['no gap in accuracy: agreement tells', { figures: figures(0.97, 0.97) }, 0.5],
    ['without labels agreement tells', { figures: { ...figures(0, 0), accuracy: null } }, 0.5],
    ['a changed world, better', { cause: 'world-changed', figures: figures(0.5, 0.8) }, 1],
    ['a changed world, no better', { cause: 'world-changed', figures: figures(0.5, 0.5) }, 0.25],
    ['latency: the objectives are its condition', { cause: 'latency', figures: figures(0.97, 0.96) }, 1],
  ])('%s', (_, changes, credit) => {
    expect(creditOf(anOutcome('quantize-static', 'promoted', changes))).toBeCloseTo(credit, 9);
  });
});

describe('the choice of a remedy', () => {
  it('says in words what it rests on', () => {
    const outcomes = [...many(3, 'quantize-static', 'promoted'), anOutcome('quantize-static', 'refused')];
    const choice = chooseRemedy(CAUSE, input({ outcomes }));
    expect(choice).toMatchObject({ kind: 'remedy', remedy: { name: 'quantize-static', rung: 0 } });
    expect(choice.reason).toContain('tried 4 times for compression-damage on digits, 3 promoted');
    expect(choice.reason).toContain('71 % success and 40 s expected, so 56 s a success');
  });

  it('says which remedy it passed over, and why', () => {
    const { reason } = chooseRemedy(CAUSE, input({ outcomes: many(4, 'quantize-static', 'refused') }));
    expect(reason).toContain(
      'Remedy: quantize-static/keep-sensitive, rung 2 of 5, because a success is expected to cost least',
    );
    expect(reason).toContain('quantize-static: tried 4 times for compression-damage on digits, 0 promoted');
  });

  it('keeps the written order when learning is off, and an order that somebody wrote', () => {
    const outcomes = many(9, 'quantize-static', 'refused');
    const chosen = (changes: Partial<ChoiceInput['policy']>) => {
      const choice = chooseRemedy(CAUSE, input({ outcomes, policy: policy(changes) }));
      return choice.kind === 'remedy' ? choice.remedy.name : choice.reason;
    };
    expect(chosen({ learnFromOutcomes: false })).toBe('quantize-static');
    const ladders = { [CAUSE]: ['quantize-static', 'incremental-distillation', 'quantize-static'] };
    expect(chosen({ ladders })).toBe('quantize-static');
    const ladder = { remedies: ladders[CAUSE].slice(0, 2) as RemedyName[], source: 'document' } as const;
    expect(
      standing(CAUSE, input({ outcomes, policy: policy({ ladders }) }), ladder).map(({ remedy }) => remedy),
    ).toEqual(ladder.remedies);
  });

  it('knows the remedies of triggers that an older program stored without a name', () => {
    expect(nameOfRemedy({ recipe: 'quantize-static', parameters: { method: 'percentile' } })).toBe(
      'quantize-static/percentile',
    );
    expect(nameOfRemedy({ recipe: 'incremental-distillation', parameters: { other: 1 } })).toBe(
      'incremental-distillation',
    );
  });
});

describe('whatever happened before', () => {
  const names = fc.constantFrom(...REMEDY_NAMES);
  const outcome = fc.record({
    trigger: fc.constant('x-t1'),
    model: fc.constantFrom('digits', 'other'),
    cause: fc.constantFrom(...LADDER_CAUSES),
    remedy: names,
    outcome: fc.constantFrom('promoted' as const, 'refused' as const, 'failed' as const),
    at: fc.integer({ min: -400 * DAY, max: 0 }).map(later),
    runnerSeconds: fc.nat(20_000),
    gpuSeconds: fc.nat(20_000),
    figures: fc.constant(null),
  });
  const outcomes = fc.array(outcome, { maxLength: 60 });
  const ladders = fc.option(fc.array(names, { minLength: 1, maxLength: 8 }), { nil: undefined });

  it('no remedy is repeated after its refusal, none is skipped for ever, and the climb ends', () => {
    fc.assert(
      fc.property(outcomes, ladders, fc.constantFrom(...LADDER_CAUSES), fc.boolean(), (past, own, cause, learn) => {
        if (cause === 'latency') own = own?.filter((name) => name.startsWith('quantize'));
        if (own?.length === 0) own = undefined;
        const around = input({
          outcomes: past,
          policy: policy({ learnFromOutcomes: learn, ladders: own === undefined ? {} : { [cause]: own } }),
        });
        const wanted = new Set(own ?? LADDERS[cause]);
        const tried: RemedyName[] = [];
        for (;;) {
          const triggers = tried.map((name, n) => refused(n + 1, name, cause));
          const choice = chooseRemedy(cause, { ...around, triggers });
          if (choice.kind !== 'remedy') break;
          expect(tried).not.toContain(choice.remedy.name);
          tried.push(choice.remedy.name!);
          expect(tried.length).toBeLessThanOrEqual(wanted.size);
        }
        expect(new Set(tried)).toEqual(wanted);
      }),
    );
  });

  it('estimates are shares and times, finite and above zero', () => {
    fc.assert(
      fc.property(outcomes, fc.constantFrom(...LADDER_CAUSES), (past, cause) => {
        for (const { success, costSeconds, secondsPerSuccess } of estimate(past, T0, cause)) {
          expect(success).toBeGreaterThan(0);
          expect(success).toBeLessThan(1);
          expect(Number.isFinite(costSeconds) && costSeconds > 0).toBe(true);
          expect(Number.isFinite(secondsPerSuccess)).toBe(true);
        }
      }),
    );
  });

  it('one more success never makes a remedy look worse, one more refusal never better', () => {
    fc.assert(
      fc.property(outcomes, (past) => {
        const known = [...past, ...many(3, 'quantize-static', 'promoted')];
        const success = (more: RemedyOutcome['outcome']) =>
          estimate([...known, anOutcome('quantize-static', more)])[0]!.success;
        const now = estimate(known)[0]!.success;
        expect(success('promoted')).toBeGreaterThanOrEqual(now - 1e-12);
        expect(success('refused')).toBeLessThanOrEqual(now + 1e-12);
      }),
    );
  });
});
