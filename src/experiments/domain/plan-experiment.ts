import type { Candidate, Evaluation } from '../../candidates/index.js';
import type { Digest } from '../../kernel/index.js';
import type { ExperimentPolicy, TrafficTarget } from '../../models/index.js';
import type { Experiment, ExperimentSpec } from './experiment.js';
import { type MetricPlan, type MetricQuestion, splitAlpha } from './metric.js';
import { objectionTo, reckon, type TrafficSeen } from './reckon.js';

/** What an experiment's plan follows from. */
export interface PlanInputs {
  readonly candidate: Candidate;
  readonly evaluation: Evaluation;
  readonly policy: ExperimentPolicy;
  /** Whose traffic a rollout would move; absent = the built-in gateway. */
  readonly target?: TrafficTarget;
  /** The objective's ceiling: what error ratio is expected at most. */
  readonly maxErrorRatio?: number;
  /** Reference of the version that serves now; null when nothing does. */
  readonly championReference: Digest | null;
  /** What the quality ledger leaves against the candidate's reference. */
  readonly allowance: number;
  /** What telemetry has seen of the champion of late. */
  readonly traffic: TrafficSeen;
  readonly now: Date;
}

const USUAL_LIVE_WEIGHT = 50;
const USUAL_QUALITY_WEIGHT = 2;
const USUAL_ERRORS = { maxRatio: 1, maxAdded: 0.01, weight: 1 };
const USUAL_LATENCY = { quantile: 0.95, maxRatio: 1.2, maxAddedMs: 0, weight: 1 } as const;

/** The experiment that an accepted candidate has to pass; fixed before the first request is seen. Id: `<candidate>-x`. */
export function planExperiment(inputs: PlanInputs): Experiment {
  const { candidate, policy, evaluation } = inputs;
  const id = `${candidate.id}-x`;
  const margin = marginOf(inputs);
  const metrics = metricsOf(inputs, margin);
  const planned = {
    candidate: candidate.id,
    candidateVersion: candidate.spec.digest,
    champion: candidate.spec.champion,
    reference: candidate.spec.reference,
    mode: policy.mode ?? 'shadow',
    ...{ margin, alpha: policy.alpha, metrics },
    mirrorFraction: policy.mirrorFraction,
    weight: policy.liveWeight ?? USUAL_LIVE_WEIGHT,
    salt: id,
    maxSamples: policy.maxSamples,
    maxSeconds: policy.maxSeconds,
    truth: truthOf(candidate, inputs.championReference),
  } as const;
  const plan = margin > 0 ? reckon(planned, inputs.traffic, effectOf(evaluation)) : null;
  const spec: ExperimentSpec = { ...planned, plan, objection: objectionTo({ ...planned, plan }, inputs.target) };
  return {
    id,
    model: candidate.model,
    spec,
    status: { phase: 'Waiting', reason: 'just planned' },
    revision: 0,
    createdAt: inputs.now,
    updatedAt: inputs.now,
  };
}

/**
 * Largest loss against the champion that still keeps the budget against the reference: what the ledger leaves after the
 * champion's own loss, plus what the candidate was measured to regain on the held-out rows; never more than the policy.
 */
export function marginOf({ evaluation, policy, allowance }: PlanInputs): number {
  return Math.max(0, Math.min(policy.margin, allowance + Math.max(0, effectOf(evaluation))));
}

/** Points by which the candidate was measured above the champion on the same held-out rows; below 0 when it was worse. */
function effectOf({ accuracy, agreement }: Evaluation): number {
  return accuracy === null
    ? agreement.candidate.value - agreement.champion.value
    : accuracy.candidate.value - accuracy.champion.value;
}

/**
 * Share of requests on which candidate and champion may differ in being right: at most where one of them differs from the
 * reference on the held-out rows; half a row is added, because none of 400 is not never.
 */
export function disagreementOf({ agreement }: Evaluation): number {
  const { candidate, champion } = agreement;
  const rows = Math.max(1, Math.min(candidate.samples, champion.samples));
  const apart = 1 - candidate.value + (1 - champion.value);
  return Math.min(1, (apart * rows + 0.5) / (rows + 1));
}

function metricsOf(inputs: PlanInputs, margin: number): MetricPlan[] {
  const { policy, evaluation } = inputs;
  if (policy.mode !== 'live') {
    const question = { kind: 'paired-quality', margin, disagreement: disagreementOf(evaluation) } as const;
    return [{ ...question, name: 'quality', alpha: policy.alpha }];
  }
  const wrong = evaluation.accuracy === null ? 0.1 : 1 - evaluation.accuracy.champion.value;
  const asked: (readonly [string, number, MetricQuestion])[] = [
    ['quality', policy.qualityWeight ?? USUAL_QUALITY_WEIGHT, { kind: 'quality', margin, expected: wrong }],
  ];
  const { errors = USUAL_ERRORS, latency = USUAL_LATENCY } = policy;
  if (errors !== null) {
    const expected = inputs.traffic.errorRatio ?? (inputs.maxErrorRatio ?? 0.01) / 4;
    asked.push([
      ...(['errors', errors.weight] as const),
      { kind: 'errors', ratio: errors.maxRatio, added: errors.maxAdded, expected },
    ]);
  }
  if (latency !== null) {
    const { quantile, maxRatio, maxAddedMs } = latency;
    asked.push(['latency', latency.weight, { kind: 'latency', quantile, ratio: maxRatio, addedMs: maxAddedMs }]);
  }
  const levels = splitAlpha(
    policy.alpha,
    asked.map(([, weight]) => weight),
  );
  return asked.map(([name, , question], i) => ({ ...question, name, alpha: levels[i] ?? 0 }));
}

/**
 * The reference is no witness where it is in doubt itself: when the world has changed, or when the candidate has another
 * reference than the champion and would be measured by its own teacher.
 */
function truthOf(candidate: Candidate, championReference: Digest | null): ExperimentSpec['truth'] {
  const inDoubt = candidate.spec.cause === 'world-changed' || candidate.spec.reference !== championReference;
  return inDoubt ? 'labels' : 'labels-or-reference';
}
