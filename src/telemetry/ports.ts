import type { Digest } from '../kernel/index.js';
import type { AdmittedEvent, ModelView } from './domain/admit.js';
import type { DeadLetter, StoredDeadLetter } from './domain/dead-letter.js';
import type { BadClass, Decoded, HalfEvent, LabelEvent, TelemetryEvent, ServedEvent } from './domain/event.js';
import type { LatencySummary } from './domain/latency-sketch.js';
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

/** Latency quantiles over merged windows; the same as `mergeLatencies`, for whoever wants to have it injected. */
export abstract class LatencySketches {
  /** @throws RangeError when a window holds no sketch */
  abstract merge(windows: readonly Window[]): LatencySummary;
}

/** Where a batch comes from: a partition of a log, or `in-process` for what this process takes itself. */
export interface IntakeSource {
  readonly topic: string;
  readonly partition: number;
}

/** Consecutive entries of one source, decoded. */
export interface IntakeBatch {
  readonly source: IntakeSource;
  /** What `claim` gave; an older one is fenced out. */
  readonly epoch: number;
  /** Offset of the first entry. */
  readonly from: number;
  /** Offset after the last entry. */
  readonly to: number;
  readonly events: readonly AdmittedEvent[];
  /** Those of `events` whose raw input is to be kept. */
  readonly samples: readonly AdmittedEvent[];
  readonly labels: readonly LabelEvent[];
  /** What data planes say they served; absent = nothing. */
  readonly served?: readonly ServedEvent[];
  /** Requests and responses that are logged apart; joined in the batch's transaction. */
  readonly halves: readonly ReceivedHalf[];
  readonly dead: readonly DeadLetter[];
  /** Views of every model that `events`, `labels` and `served` name. */
  readonly models: ReadonlyMap<string, ModelView>;
  readonly at: Date;
}

/** A half as it came: until its other half comes the record itself is kept, so that nothing of it is lost. */
export interface ReceivedHalf {
  readonly half: HalfEvent;
  readonly format: LogFormat;
  readonly record: LogRecord;
}

/** What became of a batch. */
export interface BatchReport {
  /** `repeated`: it was committed before, and nothing was written now. */
  readonly outcome: 'committed' | 'repeated';
  /** Events counted in windows. */
  readonly counted: number;
  readonly duplicates: number;
  readonly sampled: number;
  readonly labels: LabelReport;
  readonly halves?: HalfReport;
  readonly dead: Readonly<Partial<Record<BadClass, number>>>;
}

export interface HalfReport {
  /** Inferences that both halves are known of now. */
  readonly joined: number;
  /** Halves that wait for the other one. */
  readonly waiting: number;
  /** Halves that were known already. */
  readonly repeated: number;
}

export interface LabelReport {
  readonly joined: number;
  readonly early: number;
  readonly repeated: number;
  readonly conflicts: number;
}

/**
 * The one way in, whatever the source: offset, answers, windows, labels, samples and dead letters are written in one
 * transaction, fenced by the source's epoch, so every entry counts exactly once.
 */
export abstract class BatchLedger {
  /** Takes the source over: raises its epoch, so that whoever had it before can write no more. */
  abstract claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }>;
  /**
   * Idempotent by (source, epoch, from, to). @throws FencedOut when the source has another owner or stands elsewhere
   * @throws BatchRefused when the content can never be stored
   */
  abstract commit(batch: IntakeBatch): Promise<BatchReport>;
}

/** One record of a log, as it came. */
export interface LogRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  /** null = a tombstone, which is refused. */
  readonly value: Uint8Array | null;
  /** Names in lower case; CloudEvents attributes are `ce_…`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970; the log's own time. */
  readonly timestamp: number;
}

/** How the values of a topic are to be read. `native` tells JSON from Protobuf by the first byte or `content-type`. */
export type LogFormat = 'native' | 'cloudevents' | 'seldon';

/** Consecutive records of one partition: everything with `from <= offset < to` (offsets may have gaps). */
export interface LogChunk {
  readonly source: IntakeSource;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly format: LogFormat;
  readonly records: readonly LogRecord[];
}

/** The way in for logs: decodes, checks, aggregates and commits, each record exactly once. */
export abstract class LogIntake {
  /** Takes a partition over; `next` is the offset to read from, 0 for a partition never read. */
  abstract claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }>;
  /**
   * Commits one chunk. What cannot be read becomes a dead letter with its offset; nothing blocks the partition. A call
   * that failed may be repeated as it is. @throws FencedOut when another process has claimed the partition
   */
  abstract write(chunk: LogChunk): Promise<BatchReport>;
}

/**
 * Reads records of formats that are not ours. Total: never throws; what cannot be read is refused with its reason.
 * Pure: the same record always gives the same event, so a record can be kept and read again.
 */
export abstract class ForeignDecoder {
  abstract decode(record: LogRecord, format: Exclude<LogFormat, 'native'>, topic: string): Decoded<TelemetryEvent>;
}

/** Where events go that came in over HTTP or from the gateway: to the log when there is one, else to the engine. */
export abstract class EventSink {
  /**
   * Resolves when all of them are durable. `key` decides the partition: the request's id, so that an answer and its label
   * come in order. @throws IntakeOverloaded when there is no room @throws IntakeUnavailable
   */
  abstract send(events: readonly OutgoingEvent[]): Promise<void>;
}

export interface OutgoingEvent {
  readonly key: string;
  readonly value: Uint8Array;
  readonly format: LogFormat;
  readonly headers: Readonly<Record<string, string>>;
}

/** Everything that was refused, newest first. */
export abstract class DeadLetterStore {
  /** Joins the current unit of work. */
  abstract add(letters: readonly DeadLetter[]): Promise<void>;
  abstract list(options: { readonly model?: string; readonly limit: number }): Promise<StoredDeadLetter[]>;
}

/** What one sweep removed. */
export interface SweepReport {
  readonly answers: number;
  readonly windows: number;
  readonly samples: number;
  readonly deadLetters: number;
  /** Labels whose request never came; each of them is a dead letter now. */
  readonly unmatchedLabels: number;
}

/** Forgets what is older than its model or the settings want it kept. */
export abstract class TelemetryRetention {
  /** Repeatable; removes at most a bounded number of rows a call and says whether there was more. */
  abstract sweep(
    view: ModelView,
    now: Date,
    bounds: { readonly windowSeconds: number; readonly deadLetterRows: number },
  ): Promise<SweepReport & { readonly more: boolean }>;
}
