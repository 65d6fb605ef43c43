/** An answer that a label may belong to, as it is stored. */
export interface StoredAnswer {
  /** null when the request failed: such an answer takes no label. */
  readonly prediction: number | null;
  /** The label that came first; null when none did. */
  readonly label: number | null;
}

export interface RequestLabel {
  readonly requestId: string;
  readonly label: number;
}

/** What to do with each of some labels. */
export interface LabelResolution {
  /** Join these, in this order. */
  readonly join: readonly (RequestLabel & { readonly correct: boolean })[];
  /** Keep these until their answer comes. */
  readonly early: readonly RequestLabel[];
  /** Said before. */
  readonly repeated: number;
  /** Differ from the label that came first, which stays. */
  readonly conflicts: readonly (RequestLabel & { readonly first: number })[];
}

/** Sorts labels out against what is stored of the same model: the first label of a request wins. Pure and total. */
export function resolveLabels(
  labels: readonly RequestLabel[],
  answers: ReadonlyMap<string, StoredAnswer>,
  pending: ReadonlyMap<string, number>,
): LabelResolution {
  const firsts = new Map<string, number>();
  const join: (RequestLabel & { correct: boolean })[] = [];
  const early: RequestLabel[] = [];
  const conflicts: (RequestLabel & { first: number })[] = [];
  let repeated = 0;
  for (const { requestId, label } of labels) {
    const answer = answers.get(requestId);
    const first = firsts.get(requestId) ?? answer?.label ?? pending.get(requestId) ?? null;
    if (first === null) {
      firsts.set(requestId, label);
      if (answer === undefined || answer.prediction === null) early.push({ requestId, label });
      else join.push({ requestId, label, correct: answer.prediction === label });
    } else if (first === label) repeated += 1;
    else conflicts.push({ requestId, label, first });
  }
  return { join, early, repeated, conflicts };
}
