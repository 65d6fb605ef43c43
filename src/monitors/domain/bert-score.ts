/** A text as an encoder sees it. */
export interface EncodedText {
  /** One embedding a token of the text, all of one length. */
  readonly tokens: readonly Float32Array[];
  /** Those of the special tokens around it ([CLS], [SEP]): they may be matched, but they do not count themselves. */
  readonly special: readonly Float32Array[];
}

export interface BertScore {
  /** Mean over the answer's tokens of the best cosine with a token of the reference, and the other way round. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * BERTScore of two texts by greedy matching of token embeddings, without weights or rescaling, as its authors' package does it (Zhang, Kishore, Wu,
 * Weinberger, Artzi, "BERTScore: Evaluating Text Generation with BERT", ICLR 2020, section 3). Two empty texts are the
 * same (1), an empty one and another are not alike at all (0). A zero vector is like nothing.
 */
export function bertScore(answer: EncodedText, reference: EncodedText): BertScore {
  if (answer.tokens.length === 0 || reference.tokens.length === 0) {
    const same = answer.tokens.length === reference.tokens.length ? 1 : 0;
    return { precision: same, recall: same, f1: same };
  }
  const precision = meanOfBest(answer, reference);
  const recall = meanOfBest(reference, answer);
  const sum = precision + recall;
  return { precision, recall, f1: sum > 0 ? (2 * precision * recall) / sum : 0 };
}

function meanOfBest(from: EncodedText, to: EncodedText): number {
  const candidates = [...to.tokens, ...to.special].map(unit);
  let sum = 0;
  for (const token of from.tokens.map(unit)) {
    let most = -1;
    for (const other of candidates) {
      const cosine = dot(token, other);
      if (cosine > most) most = cosine;
    }
    sum += most;
  }
  return sum / from.tokens.length;
}

/** Distance of two texts, 0..1: 1 − F1. */
export function textDistance(answer: EncodedText, reference: EncodedText): number {
  return Math.min(1, Math.max(0, 1 - bertScore(answer, reference).f1));
}

function unit(vector: Float32Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector));
  return Float64Array.from(vector, (value) => (length > 0 ? value / length : 0));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}
