import type { Candidate, Evaluation } from './candidate.js';

/** An evaluated candidate in the three dimensions that trade off. */
export interface ParetoPoint {
  readonly candidate: string;
  readonly digest: string;
  readonly phase: 'Accepted' | 'Refused';
  readonly sizeBytes: number;
  /** reference ÷ candidate; larger is faster. */
  readonly speedup: number;
  /** Share of right answers; null without labels. */
  readonly accuracy: number | null;
  /** Right answers gained against the reference (negative = lost), or agreement − 1 without labels. */
  readonly quality: number;
  /** No other one is at least as good in everything and better in something. */
  readonly nonDominated: boolean;
}

/** The evaluated ones of these candidates, in their order. Quality is relative to each one's reference, so that evaluations on different data compare. */
export function paretoPoints(candidates: readonly Candidate[]): ParetoPoint[] {
  const points = candidates.flatMap((candidate) => {
    const { status } = candidate;
    if (status.phase !== 'Accepted' && status.phase !== 'Refused') return [];
    return status.evaluation === null ? [] : [pointOf(candidate, status.phase, status.evaluation)];
  });
  return points.map((point) => ({ ...point, nonDominated: !points.some((other) => dominates(other, point)) }));
}

/** True when `one` is at least as good in everything and better in something. */
export function dominates(one: Omit<ParetoPoint, 'nonDominated'>, other: Omit<ParetoPoint, 'nonDominated'>): boolean {
  const differences = [other.sizeBytes - one.sizeBytes, one.speedup - other.speedup, one.quality - other.quality];
  return differences.every((difference) => difference >= 0) && differences.some((difference) => difference > 0);
}

function pointOf(
  candidate: Candidate,
  phase: 'Accepted' | 'Refused',
  evaluation: Evaluation,
): Omit<ParetoPoint, 'nonDominated'> {
  const { accuracy, agreement, latency, size } = evaluation;
  return {
    candidate: candidate.id,
    digest: candidate.spec.digest,
    phase,
    sizeBytes: size.candidateBytes,
    speedup: latency.speedup,
    accuracy: accuracy?.candidate.value ?? null,
    quality: accuracy === null ? agreement.candidate.value - 1 : accuracy.candidate.value - accuracy.reference.value,
  };
}
