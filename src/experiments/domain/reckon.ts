import type { TrafficTarget } from '../../models/index.js';
import type { ExperimentSpec } from './experiment.js';
import type { MetricPlan } from './metric.js';
import { decidableMargin, pairsToDecide, type PowerPlan, requestsForErrors, requestsForLatency } from './power.js';
import type { Cell } from './quantile-test.js';

/** What telemetry has seen of the champion of late. */
export interface TrafficSeen {
  /** null = no request. */
  readonly requestsPerSecond: number | null;
  /** Share of its requests whose label has come; null = no request. */
  readonly labelledShare: number | null;
  /** Share of its requests that failed; null = no request. */
  readonly errorRatio: number | null;
  /** Its latencies in milliseconds. */
  readonly latency: readonly Cell[];
}

export const NO_TRAFFIC_SEEN: TrafficSeen = {
  ...{ requestsPerSecond: null, labelledShare: null, errorRatio: null, latency: [] },
};

type Planned = Omit<ExperimentSpec, 'plan' | 'objection'>;

/**
 * What an experiment is going to need: for each metric the samples by which a candidate equal to the champion has passed, and
 * for paired quality also those by which one with the effect that was measured before is decided, whichever is fewer; and
 * the time that takes at the traffic that was seen.
 */
export function reckon(spec: Planned, traffic: TrafficSeen, effect: number): PowerPlan {
  const metrics = spec.metrics.map((metric) => ({
    name: metric.name,
    samples: finite(samplesFor(metric, metric.alpha, traffic, effect)),
  }));
  const isKnown = metrics.every(({ samples }) => samples !== null);
  const samples = isKnown ? Math.max(...metrics.map((metric) => metric.samples ?? 0)) : null;
  const rate = samplesPerSecond(spec, traffic);
  const room = Math.min(spec.maxSamples, rate === null ? Infinity : rate * spec.maxSeconds);
  const [quality] = spec.metrics;
  const paired = quality?.kind === 'paired-quality' ? quality : null;
  const needed = (margin: number): number =>
    quality === undefined || !('margin' in quality)
      ? Infinity
      : (samplesFor({ ...quality, margin }, quality.alpha, traffic, effect) ?? Infinity);
  return {
    disagreement: paired?.disagreement ?? null,
    metrics,
    samples,
    requestsPerSecond: traffic.requestsPerSecond,
    seconds: samples === null || rate === null ? null : Math.ceil(samples / rate),
    decidableMargin: decidableMargin(needed, room),
  };
}

/** Why a plan is refused, with the numbers that would be enough; null = it may begin. */
export function objectionTo(
  spec: Omit<ExperimentSpec, 'objection'>,
  target: TrafficTarget = { kind: 'builtin' },
): string | null {
  if (spec.margin <= 0)
    return 'the quality budget against this reference is used up: no loss is small enough to be tested';
  if (spec.mode === 'live' && target.kind !== 'builtin')
    return `a live experiment needs the built-in gateway, which assigns requests to arms and records them; the traffic of this model is moved by ${target.kind}, so use the mode shadow`;
  return spec.plan === null ? null : weaknessOf(spec, spec.plan);
}

/** Why this plan cannot decide, with what would be enough; null = it can. */
function weaknessOf({ metrics, margin, maxSamples, maxSeconds }: Omit<ExperimentSpec, 'objection'>, plan: PowerPlan) {
  const unprovable = plan.metrics.find(({ name, samples }) => samples === null && metrics.some(isUnprovable(name)));
  if (unprovable !== undefined)
    return `the metric ${unprovable.name} can never be proven for a candidate that equals the champion: its bound leaves no room`;
  const { samples, seconds, requestsPerSecond, decidableMargin: least } = plan;
  const points = (fraction: number): string => `${(100 * fraction).toFixed(2)} points`;
  const instead =
    least === null
      ? 'no margin would be decidable with them'
      : `with them the smallest decidable margin is ${points(least)}`;
  if (samples !== null && samples > maxSamples)
    return `under-powered: ${samples} samples are needed to decide about a margin of ${points(margin)}, and maxSamples is ${maxSamples}; ${instead}`;
  if (seconds !== null && seconds > maxSeconds)
    return `under-powered: at this traffic (${rounded(requestsPerSecond ?? 0)} requests a second) the ${samples} samples that are needed take ${duration(seconds)}, and maxSeconds allows ${duration(maxSeconds)}; ${instead}`;
  return null;
}

/** A number of seconds as people say it. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7_200) return `${Math.ceil(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${rounded(seconds / 3_600)} hours`;
  return `${rounded(seconds / 86_400)} days`;
}

/** Samples that the traffic gives the slowest metric in a second; null = unknown. */
function samplesPerSecond(spec: Planned, { requestsPerSecond, labelledShare }: TrafficSeen): number | null {
  if (requestsPerSecond === null) return null;
  const labelled = labelledShare === null || labelledShare === 0 ? null : labelledShare;
  if (spec.mode === 'live') {
    const share = Math.min(spec.weight, 100 - spec.weight) / 100;
    return labelled === null ? null : requestsPerSecond * share * labelled;
  }
  const judged = spec.truth === 'labels' ? labelled : 1;
  return judged === null ? null : requestsPerSecond * spec.mirrorFraction * judged;
}

function samplesFor(metric: MetricPlan, alpha: number, traffic: TrafficSeen, effect: number): number | null {
  switch (metric.kind) {
    case 'paired-quality': {
      const { margin, disagreement } = metric;
      const plan = { margin, alpha, disagreement: disagreement ?? 3 * margin };
      return Math.min(pairsToDecide(plan), pairsToDecide(plan, effect));
    }
    case 'quality':
      return requestsForErrors({ ratio: 1, added: metric.margin, expected: metric.expected }, alpha);
    case 'errors':
      return requestsForErrors(metric, alpha);
    case 'latency':
      return requestsForLatency(traffic.latency, metric);
  }
}

/** Only latency is unknown without traffic; where another metric has no number, nothing could ever prove it. */
function isUnprovable(name: string): (metric: MetricPlan) => boolean {
  return (metric) => metric.name === name && (metric.kind !== 'latency' || (metric.ratio <= 1 && metric.addedMs <= 0));
}

function finite(samples: number | null): number | null {
  return samples === null || !Number.isFinite(samples) ? null : samples;
}

function rounded(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}
