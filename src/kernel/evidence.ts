/**
 * What a decision rests on. Never a bare number: a value without its count and age cannot be judged.
 */
export interface Evidence {
  /** What was measured, e.g. `accuracy`, `latency_p95_seconds`. */
  readonly name: string;
  /** The measured value in the unit the name states; null when there was nothing to measure. */
  readonly value: number | null;
  /** How many observations the value summarises. */
  readonly samples: number;
  /** Time of the newest observation in it; null when there was none. */
  readonly newestAt: Date | null;
  /** How many series the answer has; more than one is ambiguous. */
  readonly series: number;
  /** How many series (instances, partitions) the value was made of; absent where that is not known. */
  readonly sources?: number;
  /** Whatever the source said about the quality of its answer. */
  readonly warnings: readonly string[];
  /** How it was asked, so that anyone can ask again. */
  readonly query: string;
}

/**
 * The five answers. BLIND is not FAIL: missing, stale, non-finite, ambiguous or partial data says nothing about the
 * model, so it holds and is never charged to it. Only PASS lets anything through.
 */
export const VERDICTS = ['PASS', 'FAIL', 'UNDECIDED', 'BLIND', 'INVALID'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Why this evidence cannot be judged at all, or null when it can. `notBefore` excludes what is older than the question. */
export function blindness(evidence: Evidence, notBefore: Date): string | null {
  if (evidence.samples === 0 || evidence.value === null) return 'no data';
  if (!Number.isFinite(evidence.value)) return 'value is not finite';
  if (evidence.series !== 1) return `${evidence.series} series where one was expected`;
  if (evidence.warnings.length > 0) return `source warned: ${evidence.warnings.join('; ')}`;
  if (evidence.newestAt === null || evidence.newestAt < notBefore) return 'stale: nothing newer than the question';
  return null;
}
