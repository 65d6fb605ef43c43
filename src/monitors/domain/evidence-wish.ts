/** Somebody downstream cannot tell a cause yet and wants more samples scored by the reference. */
export interface EvidenceWish {
  /** Largest number of samples that a pass re-scores, in the place of `rescoreBatch` when that is smaller. */
  readonly samples: number;
  /** One sentence for a person. */
  readonly reason: string;
  /** From then on the model's own `rescoreBatch` holds again. */
  readonly until: Date;
}

/** A pass scores no more, whatever is wished, so that a wish cannot stop the other models' passes. */
export const MOST_WISHED_SAMPLES = 4_096;
/** A wish is never in force for longer, so that one who forgets it does no harm. */
export const LONGEST_WISH_MS = 86_400_000;

/** The wish as it will be kept: within the bounds. @throws RangeError when it asks for no samples */
export function boundWish(wish: EvidenceWish, now: Date): EvidenceWish {
  if (!(wish.samples >= 1)) throw new RangeError(`a wish is for at least one sample, not ${wish.samples}`);
  return {
    samples: Math.min(MOST_WISHED_SAMPLES, Math.floor(wish.samples)),
    reason: wish.reason.slice(0, 500),
    until: new Date(Math.min(wish.until.getTime(), now.getTime() + LONGEST_WISH_MS)),
  };
}

/** Raw inputs of one pass's wished samples take no more memory than that. */
const MOST_WISHED_BYTES = 64 * 1024 ** 2;

/**
 * How many samples the next pass re-scores: what the document says, or more while somebody wishes it and their inputs fit.
 * @param inputLength numbers in one input row
 */
export function rescoreBatch(
  policy: { readonly rescoreBatch: number },
  wish: EvidenceWish | null,
  inputLength: number,
): number {
  const affordable = Math.floor(MOST_WISHED_BYTES / (4 * Math.max(1, inputLength)));
  return Math.max(policy.rescoreBatch, Math.min(wish?.samples ?? 0, affordable));
}
