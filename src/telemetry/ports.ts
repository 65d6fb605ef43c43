import type { Digest } from '../kernel/index.js';
import type { LabelledAnswer, PairedAnswer, Sample, Snapshot } from './domain/observation.js';
import type { Window } from './domain/window.js';

/** Closed and still filling windows. */
export abstract class WindowStore {
  /** Windows of one version that start at or after `since`, oldest first. */
  abstract list(model: string, version: Digest, since: Date): Promise<Window[]>;
  /** All versions' windows that start at or after `since`, oldest first. */
  abstract listModel(model: string, since: Date): Promise<Window[]>;
}

/** Answers joined with their labels and shadows by request id, kept for the model's label wait. */
export abstract class AnswerLedger {
  /** Labelled answers of a version with `sequence > after`, in order of sequence. */
  abstract labelledAfter(model: string, version: Digest, after: number, limit: number): Promise<LabelledAnswer[]>;
  /**
   * Pairs that were answered after `since`, where both sides answered: labelled ones in the order of their labels'
   * arrival, then unlabelled ones by time. The order of what was returned once never changes for labelled pairs.
   */
  abstract pairs(model: string, champion: Digest, candidate: Digest, since: Date): Promise<PairedAnswer[]>;
}

/** The bounded, stratified sample of raw inputs. */
export abstract class SampleStore {
  /** Samples answered by `version` with `sequence > after`, in order of sequence. */
  abstract after(model: string, version: Digest, after: number, limit: number): Promise<Sample[]>;
  /** Raw inputs of these requests, where they were kept. */
  abstract inputs(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
  /** Labels that have arrived for these requests. */
  abstract labels(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Rows and labelled rows not older than `since`. */
  abstract count(model: string, since: Date): Promise<{ readonly rows: number; readonly labelled: number }>;
  /**
   * Freezes the samples taken since `since` into the artifact store. When `replay` is given, so many rows older than
   * `since` are added to the train file (guards against forgetting). @throws NotEnoughSamples
   */
  abstract snapshot(model: string, options: { readonly since: Date; readonly replay: number }): Promise<Snapshot>;
}

/** A label that arrived late. */
export interface Label {
  readonly requestId: string;
  readonly label: number;
}

/** Takes labels; unknown requests are kept until the label wait is over and then counted and dead-lettered. */
export abstract class LabelIntake {
  abstract accept(model: string, labels: readonly Label[]): Promise<void>;
}
