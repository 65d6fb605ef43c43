import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Evidence, Verdict } from '../src/kernel/index.js';
import type { Gate, RolloutPolicy } from '../src/models/index.js';
import { advanceRollout } from '../src/rollouts/domain/advance-rollout.js';
import { judgeGate } from '../src/rollouts/domain/judge-gate.js';
import { recordable, type RolloutObservation, type RolloutRequest } from '../src/rollouts/domain/observation.js';
import { type GateReading, type RolloutStatus, weightOf } from '../src/rollouts/domain/rollout.js';
import { aRollout, at, CHAMPION, GATE, POLICY, progressing } from '../src/rollouts/testing/index.js';

const NOW = at(3_000);
const GOOD: Evidence = {
  ...{ name: 'error_ratio', value: 0, samples: 500, newestAt: at(2_990), series: 1, warnings: [], query: 'q' },
};
/** What a source can answer; only the last three can be judged at all. */
const EVIDENCE: Readonly<Record<string, readonly Evidence[]>> = {
  none: [],
  empty: [{ ...GOOD, value: null, samples: 0, newestAt: null }],
  'zero samples': [{ ...GOOD, samples: 0 }],
  NaN: [{ ...GOOD, value: Number.NaN }],
  '+Inf': [{ ...GOOD, value: Number.POSITIVE_INFINITY }],
  '-Inf': [{ ...GOOD, value: Number.NEGATIVE_INFINITY }],
  'NaN samples': [{ ...GOOD, samples: Number.NaN }],
  'no series': [{ ...GOOD, series: 0 }],
  'several series': [{ ...GOOD, series: 3 }],
  stale: [{ ...GOOD, newestAt: at(-1) }],
  'without a time': [{ ...GOOD, newestAt: null }],
  warnings: [{ ...GOOD, warnings: ['PromQL info: metric might not be a counter'] }],
  partial: [{ ...GOOD, warnings: ['partial response'] }],
  'one of two missing': [GOOD, { ...GOOD, value: null, samples: 0 }],
  'too few': [{ ...GOOD, samples: 3 }],
  bad: [{ ...GOOD, value: 0.9 }],
  good: [GOOD],
};
const JUDGEABLE = ['too few', 'bad', 'good'];
const VERDICTS: readonly Verdict[] = ['PASS', 'FAIL', 'UNDECIDED', 'BLIND', 'INVALID'];
const ASKED: readonly (RolloutRequest['verb'] | null)[] = [
  null,
  'start',
  'pause',
  'resume',
  'advance',
  'approve',
  'promote',
];
const since = at(0);
/** Every phase that something is still decided in. All have waited longer than any hold. */
const PHASES: readonly RolloutStatus[] = [
  progressing({ inForceSince: since }),
  progressing({ inForceSince: null }),
  progressing({ inForceSince: since, step: 1, proven: 0, blindSince: at(2_999) }),
  { phase: 'AwaitingApproval', step: 1, since, readings: [], proven: 0 },
  { phase: 'Paused', step: 0, since, by: 'ann', reason: '', cause: 'person' },
  { phase: 'Paused', step: 0, since, by: 'system:rollouts', reason: '', cause: 'signal', gates: ['error-ratio'] },
  { phase: 'Paused', step: 0, since, by: 'system:rollouts', reason: '', cause: 'blind' },
  { phase: 'Ready', since, readings: [] },
];
const ROLES = ['guardrail', 'signal'] as const;

function policyOf(gate: Gate, background: boolean): RolloutPolicy {
  const steps = POLICY.steps.map((step) => ({ ...step, gates: [background ? { ...GATE, name: 'other' } : gate] }));
  return {
    ...POLICY,
    steps,
    ...(background && { background: [gate] }),
    undecidedSeconds: 10_000,
    blindSeconds: 10_000,
  };
}

interface Case {
  readonly status: RolloutStatus;
  readonly gate: Gate;
  readonly background: boolean;
  readonly verdict: Verdict;
  readonly evidence: string;
  readonly verb: RolloutRequest['verb'] | null;
}

function outcomeOf({ status, gate, background, verdict, evidence, verb }: Case) {
  const rollout = aRollout(status, policyOf(gate, background));
  const reading = { gate, verdict, reason: 'said so', evidence: EVIDENCE[evidence] ?? [], at: NOW };
  const other: GateReading = {
    gate: { ...GATE, name: 'other' },
    verdict: 'PASS',
    reason: '',
    evidence: [GOOD],
    at: NOW,
  };
  const seen: RolloutObservation = recordable({
    ...{ now: NOW, actualWeight: weightOf(rollout), championNow: CHAMPION },
    readings: background ? [other, reading] : [reading],
    request: verb === null ? null : { verb, by: 'ann', reason: 'because' },
  });
  const { status: after, traffic } = advanceRollout(rollout, seen);
  // What the pass after would set at most.
  const rises = weightOf({ ...rollout, status: after }) > weightOf(rollout);
  const promotes = after.phase === 'Ready' && (status.phase !== 'Ready' || (after.promotion ?? null) !== null);
  return { rises, promotes, traffic: typeof traffic === 'number' ? traffic : 0, was: weightOf(rollout), after };
}

const everyCase = (): Case[] =>
  PHASES.flatMap((status) =>
    ROLES.flatMap((role) =>
      [false, true].flatMap((dryRun) =>
        [false, true].flatMap((background) =>
          VERDICTS.flatMap((verdict) =>
            Object.keys(EVIDENCE).flatMap((evidence) =>
              ASKED.map((verb) => ({
                gate: { ...GATE, role, dryRun },
                ...{ status, background, verdict, evidence, verb },
              })),
            ),
          ),
        ),
      ),
    ),
  );

describe('evidence that is missing, stale, not finite or ambiguous', () => {
  const cases = everyCase();

  it(`never promotes and never raises the weight, in all ${cases.length} combinations`, () => {
    const broken = cases.filter((each) => {
      // A dry run beside a gate that passes has no say; a step of nothing else has no gate.
      if (each.gate.dryRun === true && each.background) return false;
      // A person lets a step in after the one before had passed; that is no matter of evidence.
      if (each.status.phase === 'AwaitingApproval' && each.verb === 'approve') return false;
      // Every step passed before; whoever promotes now relies on that, and guardrails that fail still end it.
      if (each.status.phase === 'Ready' && each.verb === 'promote') return false;
      const judgeable = JUDGEABLE.includes(each.evidence) && each.verdict !== 'BLIND' && each.verdict !== 'INVALID';
      const { rises, promotes, traffic, was } = outcomeOf(each);
      return (!judgeable && (rises || promotes)) || traffic > was;
    });
    expect(broken).toEqual([]);
  });

  it('and only PASS goes on, unless somebody with the right to it leaves out what is undecided', () => {
    const broken = cases.filter((each) => {
      if (each.gate.dryRun === true || !['Progressing', 'Paused'].includes(each.status.phase)) return false;
      const { rises, promotes } = outcomeOf(each);
      if (!rises && !promotes) return false;
      const isSignal = each.gate.role === 'signal';
      if (each.verdict === 'PASS') return false;
      return !(each.verdict === 'UNDECIDED' && (each.verb === 'advance' || (each.verb === 'promote' && isSignal)));
    });
    expect(broken).toEqual([]);
  });

  it('the table is no empty promise: good evidence does go on', () => {
    const going = cases.filter((each) => outcomeOf(each).rises);
    expect(going.length).toBeGreaterThan(20);
  });

  it('a dry run changes nothing, whatever it says', () => {
    // A pause on a signal that is a dry run cannot be.
    const isSignalled = ({ status }: Case) => status.phase === 'Paused' && status.cause === 'signal';
    const dry = cases.filter((each) => each.gate.dryRun === true && each.background && !isSignalled(each));
    const outline = (each: Case) => {
      const { rises, promotes, after } = outcomeOf(each);
      return JSON.stringify([each.status, each.verb, rises, promotes, after.phase]);
    };
    const byQuestion = new Map<string, Set<string>>();
    for (const each of dry) {
      const question = JSON.stringify([each.status, each.verb]);
      byQuestion.set(question, (byQuestion.get(question) ?? new Set()).add(outline(each)));
    }
    expect([...byQuestion.values()].filter((answers) => answers.size > 1)).toEqual([]);
  });

  const gates: Gate[] = [
    { kind: 'error-ratio', max: 0.01, minimumSamples: 30 },
    { kind: 'latency-p95', maxMs: 50, minimumSamples: 30 },
    { kind: 'latency-p99', maxMs: 50, minimumSamples: 30 },
    { kind: 'accuracy', maxLoss: 0.03, minimumSamples: 30 },
    { kind: 'agreement', min: 0.9, minimumSamples: 30 },
    { kind: 'promql', query: 'up', min: 1, max: null, minimumSamples: 30 },
  ];
  const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null);

  it('is judged BLIND by every gate', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...gates),
        fc.oneof(
          odd.map((value) => ({ value })),
          fc.constantFrom<Partial<Evidence>>({ samples: 0 }, { series: 0 }, { series: 2 }, { newestAt: null }),
          fc.constant({ newestAt: at(-1) }),
          fc.string({ minLength: 1 }).map((warning) => ({ warnings: [warning] })),
        ),
        fc.double({ min: 0, max: 1_000, noNaN: true }),
        fc.nat(10_000),
        (gate, over, value, samples) => {
          const side = { value, samples };
          const evidence = [{ ...GOOD, ...over }];
          expect(judgeGate(gate, { evidence, candidate: side, champion: side }, since).verdict).toBe('BLIND');
        },
      ),
      { numRuns: 500, seed: 4 },
    );
  });
});
