import { type Bets, type BettingPlan, NO_BETS, playBets, readBets } from './betting.js';
import type { EnteredPair } from './enter-pairs.js';
import type { ExperimentReading, ExperimentSpec } from './experiment.js';
import { type MeanInterval, narrow, NO_INTERVAL } from './mean-interval.js';
import type { MetricPlan, MetricReading } from './metric.js';

/** How far a shadow experiment has come: everything that the next pair needs to know of all before it. Plain data. */
export interface ShadowProgress {
  readonly kind: 'shadow';
  /** Pairs that entered; the next one's position is one more. */
  readonly position: number;
  readonly bets: Bets;
  readonly interval: MeanInterval;
  /** Labels up to this sequence have been looked at. */
  readonly labelSequence: number;
  /** Unlabelled pairs that were answered until then have been looked at, in milliseconds since 1970. */
  readonly unlabelledUntil: number;
  /** Sampled requests up to this sequence have been scored again. */
  readonly sampleSequence: number;
  /** Milliseconds since 1970 of the newest pair before the proof; null without any. */
  readonly newestAt: number | null;
}

export const SHADOW_BEGIN: ShadowProgress = {
  ...{ kind: 'shadow', position: 0, bets: NO_BETS, interval: NO_INTERVAL },
  ...{ labelSequence: 0, unlabelledUntil: 0, sampleSequence: 0, newestAt: null },
};

/**
 * The pairs one after the other. Folding a sequence in any cuts gives the same as folding it whole, so a pass folds only
 * what is new.
 */
export function foldPairs(
  progress: ShadowProgress,
  pairs: readonly EnteredPair[],
  spec: Pick<ExperimentSpec, 'metrics' | 'margin' | 'alpha'>,
): ShadowProgress {
  const plan = bettingPlan(spec);
  const bets = playBets(
    pairs.map(({ difference }) => difference),
    plan,
    progress.bets,
  );
  let { interval, newestAt } = progress;
  for (const { difference, at } of pairs.slice(0, bets.pairs - progress.bets.pairs)) {
    interval = narrow(interval, difference, plan.alpha);
    newestAt = Math.max(newestAt ?? 0, at.getTime());
  }
  return { ...progress, bets, interval, newestAt, position: progress.position + pairs.length };
}

/** What the bets are about. */
export function bettingPlan({
  metrics,
  margin,
  alpha,
}: Pick<ExperimentSpec, 'metrics' | 'margin' | 'alpha'>): BettingPlan {
  const metric = pairedOf(metrics);
  if (metric === undefined) return { margin, alpha };
  const { disagreement } = metric;
  return { margin: metric.margin, alpha: metric.alpha, ...(disagreement === null ? {} : { disagreement }) };
}

/** Where a shadow experiment stands. */
export function readShadow(
  { bets, interval, newestAt }: ShadowProgress,
  spec: Pick<ExperimentSpec, 'metrics' | 'margin' | 'alpha'>,
): ExperimentReading {
  const shown = readBets(bets);
  const quality: MetricReading = {
    name: pairedOf(spec.metrics)?.name ?? 'quality',
    kind: 'paired-quality',
    verdict: bets.proven === null ? (bets.pairs === 0 ? 'BLIND' : 'UNDECIDED') : PROVEN[bets.proven],
    samples: bets.pairs,
    effect: bets.pairs === 0 ? null : shown.difference,
    interval: bets.pairs === 0 ? null : { low: interval.low, high: interval.high },
    ...{ wealthPass: shown.wealthNonInferior, wealthFail: shown.wealthHarm, proofAt: 1 / bettingPlan(spec).alpha },
  };
  return {
    ...shown,
    newestAt: newestAt === null ? null : new Date(newestAt),
    metrics: [quality],
    exposure: null,
  };
}

const PROVEN = { 'non-inferior': 'PASS', harm: 'FAIL' } as const;

function pairedOf(metrics: readonly MetricPlan[]): Extract<MetricPlan, { kind: 'paired-quality' }> | undefined {
  return metrics.find((metric) => metric.kind === 'paired-quality');
}
