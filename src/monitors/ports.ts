import type { Digest } from '../kernel/index.js';
import type { EncodedText } from './domain/bert-score.js';
import type { EvidenceWish } from './domain/evidence-wish.js';
import type { Finding } from './domain/finding.js';
import type { Tally } from './domain/histograms.js';
import type { RescoredSample, RescoreTally, Watch } from './domain/watch.js';

/** The latest finding of each monitor. */
export abstract class FindingStore {
  /** Findings about one version. */
  abstract list(model: string, version: Digest): Promise<Finding[]>;
  /**
   * Upserts by (model, version, monitor), all or nothing; publishes `FindingChanged` for each whose state differs from the
   * stored one. No two may be about the same.
   */
  abstract save(...findings: readonly Finding[]): Promise<void>;
}

/** A detector's state with the place in its source up to which it was fed. */
export interface DetectorRecord<State = unknown> {
  /** Must survive JSON bit for bit. */
  readonly state: State;
  /** Everything up to and including this sequence has been fed. */
  readonly cursor: number;
}

/**
 * Detector states. Saved in the unit of work of the finding that rests on them, so that a restart never feeds an
 * observation twice and never skips one.
 */
export abstract class DetectorStore {
  /** By name; only those of this very watch: a version that serves a second time starts afresh. */
  abstract load(watch: Watch): Promise<ReadonlyMap<string, DetectorRecord>>;
  abstract save(watch: Watch, name: string, record: DetectorRecord): Promise<void>;
}

/** What traffic looked like when a champion began to serve. */
export interface Baseline {
  readonly inputs: Tally;
  readonly predictions: Tally;
  /** Windows that start before this were counted in it. */
  readonly until: Date;
}

export abstract class BaselineStore {
  abstract find(watch: Watch): Promise<Baseline | null>;
  /** Idempotent: the first one stays. */
  abstract freeze(watch: Watch, baseline: Baseline): Promise<void>;
}

/** Samples of a champion's traffic that its reference has scored again. */
export abstract class RescoreLedger {
  /** Largest sample sequence that was scored again for this champion and reference; 0 when none. */
  abstract newestSequence(watch: Watch): Promise<number>;
  /** Idempotent by request. */
  abstract add(watch: Watch, rows: readonly RescoredSample[]): Promise<void>;
  /** Requests answered since `since` whose label is not known here yet, newest first. */
  abstract unlabelled(watch: Watch, since: Date, limit: number): Promise<string[]>;
  /** Notes labels that have arrived; each gets the next label sequence. A label that is known stays. */
  abstract label(watch: Watch, labels: ReadonlyMap<string, number>): Promise<void>;
  /** Rows of this watch with sample sequence above `after`, in that order. */
  abstract comparedAfter(watch: Watch, after: number, limit: number): Promise<RescoredSample[]>;
  /** Labelled rows of this watch with label sequence above `after`, in that order. */
  abstract labelledAfter(
    watch: Watch,
    after: number,
    limit: number,
  ): Promise<(RescoredSample & { readonly label: number; readonly labelSequence: number })[]>;
  /** Counts over rows answered at or after `since`; what the attribution of causes rests on. */
  abstract tally(watch: Watch, since: Date): Promise<RescoreTally>;
  /** Drops rows answered before `before`. */
  abstract forget(model: string, before: Date): Promise<void>;
}

/** Wishes for more re-scored samples, one a model: bounded, persisted, and void after their time. */
export abstract class EvidenceRequests {
  /**
   * The newest wish takes the place of an older one; one that asks for more, or for longer, is not lowered by it.
   * Joins the current unit of work. @throws RangeError when it asks for no samples
   */
  abstract request(model: string, wish: EvidenceWish): Promise<void>;
  /** The wish in force now, or null. */
  abstract current(model: string): Promise<EvidenceWish | null>;
}

/** Turns texts into embeddings of their tokens. */
export abstract class Encoder {
  /** Why it cannot, and what to do about it; null when it can. */
  abstract readonly unavailable: string | null;
  /** One result a text, in order; a text that is too long is cut. @throws EncodingFailed */
  abstract encode(texts: readonly string[]): Promise<EncodedText[]>;
  /** Frees what it holds; it may be used again. */
  abstract close(): Promise<void>;
}
