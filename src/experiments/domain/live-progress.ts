import { LatencySketch, type LabelledAnswer, type Window } from '../../telemetry/index.js';
import { logFewerErrors, logMoreErrors, wealthOf } from './error-ratio.js';
import type { ExperimentReading, ExperimentSpec, ExposureReading } from './experiment.js';
import { type MetricPlan, type MetricReading, verdictOf } from './metric.js';
import { logQuantileAbove, logQuantileBelow } from './quantile-test.js';

/** What one arm has done. */
export interface ArmTally {
  readonly requests: number;
  readonly errors: number;
  readonly labelled: number;
  readonly wrong: number;
  /** The bytes of a serialised `LatencySketch`. */
  readonly latency: readonly number[];
}

/** How far a live experiment has come. Plain data. */
export interface LiveProgress {
  readonly kind: 'live';
  /** Windows that end by then have been counted, in milliseconds since 1970. */
  readonly until: number;
  readonly champion: ArmTally;
  readonly candidate: ArmTally;
  /** Labels up to these sequences have been counted. */
  readonly labels: { readonly champion: number; readonly candidate: number };
  /** What was proven of each metric, by name: it stays. */
  readonly proven: Readonly<Record<string, 'PASS' | 'FAIL'>>;
  readonly newestAt: number | null;
}

export type Arm = 'champion' | 'candidate';

const NO_TALLY: ArmTally = { requests: 0, errors: 0, labelled: 0, wrong: 0, latency: [] };

export const LIVE_BEGIN: LiveProgress = {
  ...{ kind: 'live', until: 0, champion: NO_TALLY, candidate: NO_TALLY },
  ...{ labels: { champion: 0, candidate: 0 }, proven: {}, newestAt: null },
};

/**
 * Counts the windows of an arm that lie in [from, until): each once, because `until` only grows and a window lies in one of
 * these stretches only. What comes later into a window that was counted counts nothing, whatever it says.
 */
export function foldWindows(tally: ArmTally, windows: readonly Window[], from: number, until: number): ArmTally {
  const within = windows.filter(
    ({ start, seconds }) => start.getTime() >= from && start.getTime() + seconds * 1000 <= until,
  );
  if (within.length === 0) return tally;
  const sketch = new LatencySketch();
  sketch.addBytes(Uint8Array.from(tally.latency));
  for (const { latency } of within) sketch.addBytes(latency);
  return {
    ...tally,
    requests: within.reduce((sum, { requests }) => sum + requests, tally.requests),
    errors: within.reduce((sum, { errors }) => sum + errors, tally.errors),
    latency: Array.from(sketch.toBytes()),
  };
}

/** Counts labelled answers of an arm that were given since it began. */
export function foldLabels(tally: ArmTally, answers: readonly LabelledAnswer[], since: Date): ArmTally {
  const counted = answers.filter(({ at }) => at >= since);
  const wrong = counted.filter(({ prediction, label }) => prediction !== label).length;
  return { ...tally, labelled: tally.labelled + counted.length, wrong: tally.wrong + wrong };
}

/** Where a live experiment stands, and the progress with what was proven just now. */
export function readLive(
  progress: LiveProgress,
  spec: Pick<ExperimentSpec, 'metrics'>,
  exposure: ExposureReading | null,
): { readonly reading: ExperimentReading; readonly progress: LiveProgress } {
  const metrics = spec.metrics.map((metric) => readMetric(metric, progress));
  const proven = Object.fromEntries(
    metrics.flatMap(({ name, verdict }) => (verdict === 'PASS' || verdict === 'FAIL' ? [[name, verdict]] : [])),
  );
  const quality = metrics.find(({ kind }) => kind === 'quality');
  const reading: ExperimentReading = {
    pairs: Math.min(...metrics.map(({ samples }) => samples)),
    discordant: progress.champion.wrong + progress.candidate.wrong,
    difference: quality?.effect == null ? 0 : -quality.effect,
    wealthNonInferior: quality?.wealthPass ?? 1,
    wealthHarm: quality?.wealthFail ?? 1,
    newestAt: progress.newestAt === null ? null : new Date(progress.newestAt),
    ...{ metrics, exposure },
  };
  return { reading, progress: { ...progress, proven } };
}

function readMetric(metric: MetricPlan, progress: LiveProgress): MetricReading {
  const { samples, effect, wealthPass, wealthFail } = measure(metric, progress);
  const read = { samples, wealthPass, wealthFail, proofAt: 1 / metric.alpha };
  const verdict = verdictOf(progress.proven[metric.name] ?? 'UNDECIDED', read);
  return { name: metric.name, kind: metric.kind, verdict, effect, interval: null, ...read };
}

type Measured = Pick<MetricReading, 'samples' | 'effect' | 'wealthPass' | 'wealthFail'>;

function measure(metric: MetricPlan, { champion, candidate }: LiveProgress): Measured {
  switch (metric.kind) {
    case 'errors':
      return ratios(
        { errors: candidate.errors, total: candidate.requests },
        { errors: champion.errors, total: champion.requests },
        metric,
      );
    case 'quality':
      return ratios(
        { errors: candidate.wrong, total: candidate.labelled },
        { errors: champion.wrong, total: champion.labelled },
        { ratio: 1, added: metric.margin, expected: metric.expected },
      );
    case 'latency':
      return latencies(candidate, champion, metric);
    case 'paired-quality':
      return { samples: 0, effect: null, wealthPass: 1, wealthFail: 1 };
  }
}

function ratios(
  candidate: Parameters<typeof logFewerErrors>[0],
  champion: Parameters<typeof logFewerErrors>[0],
  bound: Parameters<typeof logFewerErrors>[2],
): Measured {
  const isSeen = candidate.total > 0 && champion.total > 0;
  return {
    samples: Math.min(candidate.total, champion.total),
    effect: isSeen ? candidate.errors / candidate.total - champion.errors / champion.total : null,
    wealthPass: wealthOf(logFewerErrors(candidate, champion, bound)),
    wealthFail: wealthOf(logMoreErrors(candidate, champion, bound)),
  };
}

function latencies(
  candidate: ArmTally,
  champion: ArmTally,
  { quantile, ratio, addedMs }: Extract<MetricPlan, { kind: 'latency' }>,
): Measured {
  const [ours, theirs] = [sketchOf(candidate), sketchOf(champion)];
  const bound = { quantile, ratio, added: addedMs };
  const [value, beside] = [ours.quantile(quantile), theirs.quantile(quantile)];
  return {
    samples: Math.min(ours.count, theirs.count),
    effect: value === null || beside === null || beside <= 0 ? null : value / beside,
    wealthPass: wealthOf(logQuantileBelow(ours.cells(), theirs.cells(), bound)),
    wealthFail: wealthOf(logQuantileAbove(ours.cells(), theirs.cells(), bound)),
  };
}

function sketchOf({ latency }: ArmTally): LatencySketch {
  const sketch = new LatencySketch();
  sketch.addBytes(Uint8Array.from(latency));
  return sketch;
}
