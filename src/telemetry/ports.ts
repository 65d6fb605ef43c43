import type { Digest } from '../kernel/index.js';
import type { AdmittedEvent, ModelView } from './domain/admit.js';
import type { DeadLetter, DeadLetterFilter, StoredDeadLetter } from './domain/dead-letter.js';
import type { BadClass, Decoded, HalfEvent, LabelEvent, TelemetryEvent, ServedEvent } from './domain/event.js';
import type { LatencySummary } from './domain/latency-sketch.js';
import type { LabelledAnswer, PairedAnswer, Sample, Snapshot } from './domain/observation.js';
import type { OutputPair } from './domain/output-pair.js';
import type { Tally } from './domain/tally.js';
import type { WindowRetention } from './domain/roll-up.js';
import type { Window } from './domain/window.js';

/** Closed and still filling windows. */
export abstract class WindowStore {
  /**
   * Windows of one version that start at or after `since`, oldest first. Older ones are rolled up, so sizes differ, and one
   * that late events made may lie within a longer one; every event is in exactly one of them.
   */
  abstract list(model: string, version: Digest, since: Date): Promise<Window[]>;
  /** All versions' windows that start at or after `since`, oldest first. */
  abstract listModel(model: string, since: Date): Promise<Window[]>;
}

/** Answers joined with their labels and shadows by request id, kept for the model's label wait. */
export abstract class AnswerLedger {
  /** Labelled answers of a version with `sequence > after`, in order of sequence. */
  abstract labelledAfter(model: string, version: Digest, after: number, limit: number): Promise<LabelledAnswer[]>;
  /**
   * Pairs where both sides answered: labelled ones in the order of their labels' arrival, then unlabelled ones by time. The
   * order of what was returned once never changes for labelled pairs. Whoever remembers the last sequence and time gets only
   * what is new.
   */
  abstract pairs(model: string, champion: Digest, candidate: Digest, bounds: PairBounds): Promise<PairedAnswer[]>;
}

/** Which pairs, and how many of them: an experiment may have more than fit into memory. */
export interface PairBounds {
  /** Only pairs that were answered after it. */
  readonly since: Date;
  /** Only labelled pairs whose label came after the one with this sequence; 0 = all. */
  readonly labelledAfter: number;
  /** Most labelled pairs: those whose labels came first. */
  readonly labelled: number;
  /** Only unlabelled pairs that were answered then or later; those of that very millisecond may have been given before. */
  readonly unlabelledFrom: Date;
  /** Most unlabelled pairs: the oldest of those that were answered until `unlabelledUntil`. */
  readonly unlabelled: number;
  readonly unlabelledUntil: Date;
}

/** Answers that are a series or a text, beside what the shadow said to the same request; bounded. */
export abstract class OutputPairStore {
  /** Pairs of `version` with `shadow` with `sequence > after`, in order of sequence. */
  abstract after(model: string, version: Digest, shadow: Digest, after: number, limit: number): Promise<OutputPair[]>;
}

/** The bounded, stratified sample of raw inputs. */
export abstract class SampleStore {
  /**
   * Samples answered by `version` with `sequence > after`, in order of sequence: only those of the uniform stream, whose
   * chance to be kept had nothing to do with what was answered, so that they may be fed to a test one by one.
   */
  abstract after(model: string, version: Digest, after: number, limit: number): Promise<Sample[]>;
  /** Raw inputs of these requests, where they are in the uniform stream (so that which ones are says nothing about the answers). */
  abstract inputs(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
  /** Labels that have arrived for these requests. */
  abstract labels(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Rows and labelled rows not older than `since`. */
  abstract count(model: string, since: Date): Promise<{ readonly rows: number; readonly labelled: number }>;
  /**
   * Freezes the samples taken since `since` into the artifact store. When `replay` is given, so many rows older than
   * `since` are added to the train file (guards against forgetting). Writes nothing when it throws, so it may be asked again
   * and again. @throws NotEnoughSamples
   */
  abstract snapshot(model: string, options: SnapshotOptions): Promise<Snapshot>;
}

export interface SnapshotOptions {
  readonly since: Date;
  readonly replay: number;
  /** Least number of held-out rows; 0 when absent. */
  readonly minimumHoldout?: number;
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
  /**
   * What a log's records have added to windows already, each record once by its offset; `events` are then only those that
   * may be kept one by one. Absent: `events` are counted, each identity once.
   */
  readonly tally?: Tally;
  /** With `tally`: the level of the share by which `events` were chosen, by model; absent = 0. */
  readonly levels?: ReadonlyMap<string, number>;
  /** Those of `events` whose raw input is to be kept. */
  readonly samples: readonly AdmittedEvent[];
  /** Chance that an event of a model with an input had to get among `samples`; absent = 1. */
  readonly chances?: ReadonlyMap<string, number>;
  readonly labels: readonly LabelEvent[];
  /** What data planes say they served; absent = nothing. */
  readonly served?: readonly ServedEvent[];
  /** Requests and responses that are logged apart; joined in the batch's transaction. */
  readonly halves: readonly ReceivedHalf[];
  /** Whether halves of `models` that have waited too long are given up now; absent = no. */
  readonly expireHalves?: boolean;
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
  /** Topic whose name it was read by, where that is not the batch's. */
  readonly readAs?: string;
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
  /** Level of the share of answers that is kept one by one (`2^-level`), by model; only with a tally. */
  readonly levels?: ReadonlyMap<string, number>;
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
  /** Of requests outside the share of answers that is kept one by one; absent = 0. */
  readonly outside?: number;
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

/**
 * Consecutive records of one partition: everything with `from <= offset < to` (offsets may have gaps). One without records
 * only moves the offset, also backwards: the log was made anew.
 */
export interface LogChunk {
  readonly source: IntakeSource;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly format: LogFormat;
  readonly records: readonly LogRecord[];
  /** Topic whose name the records are read by, where that is not the source's: they are read a second time. */
  readonly readAs?: string;
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

/** What a log's client fetched from one partition: all that the log still has of `from <= offset < to`. */
export interface FetchedRecords {
  readonly source: IntakeSource;
  readonly from: number;
  readonly to: number;
  readonly records: readonly LogRecord[];
  /** Keys and values together. */
  readonly bytes: number;
  /** The first offset that the log does not have yet. */
  readonly end: number;
}

/** Who is told what a log's client learns. Its methods never throw and never wait. */
export interface LogListener {
  /**
   * Exactly these partitions belong to this member from now on, all others no longer. Nothing is fetched from one before
   * `LogMembership.seek` was called for it after this.
   */
  assigned(sources: readonly IntakeSource[], member: LogMembership): void;
  /** False: not wanted; the client's position stays where it was. */
  fetched(records: FetchedRecords): boolean;
}

/** One member of a group that shares the partitions of some topics. Calls about foreign partitions change nothing. */
export interface LogMembership {
  /** Fetches from `offset` on, also when the partition was paused. */
  seek(source: IntakeSource, offset: number): void;
  pause(source: IntakeSource): void;
  resume(source: IntakeSource): void;
  /** Tells the log how far has been counted: for lag tools only, best effort, some seconds late. */
  note(source: IntakeSource, next: number): void;
  /** The first offset that the log still has and the first that it does not have yet. */
  extent(source: IntakeSource): Promise<{ readonly start: number; readonly end: number }>;
}

/** The client of a log, such as Kafka's. Knows where records are, not what they mean. */
export abstract class RecordLog {
  /**
   * Joins the group and reads until `leave`. Resolves at once: a log that is away is tried again for ever, and so is
   * everything that goes wrong later; the listener hears of the result only.
   */
  abstract join(topics: readonly string[], listener: LogListener): LogReading;
  /** Resolves when the client is a member of its group now. @throws IntakeUnavailable when not */
  abstract check(): Promise<void>;
}

export interface LogReading {
  leave(): Promise<void>;
}

/** Appends to a log. */
export abstract class RecordAppender {
  /**
   * Resolves when every record is durable on the log, which may take minutes while it is away. Calls must not overlap. What
   * failed in the end may be partly there; a second attempt then appends that twice. @throws IntakeUnavailable
   * @throws TooLargeForLog when the log refuses these records for their size: only fewer of them may be taken
   */
  abstract append(records: readonly OutgoingRecord[]): Promise<void>;
  abstract close(): Promise<void>;
}

export interface OutgoingRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where events go that came in over HTTP or from the gateway: to the log when there is one, else to the engine. */
export abstract class EventSink {
  /**
   * Resolves when all of them are durable. `key` decides the partition: the request's id, so that an answer and its label
   * come in order. @throws IntakeOverloaded when there is no room @throws IntakeUnavailable @throws BodyTooLarge when one
   * is larger than is taken; nothing is sent @throws TooLargeForLog when the log refused some for their size; all others
   * are durable
   */
  abstract send(events: readonly OutgoingEvent[]): Promise<void>;
}

export interface OutgoingEvent {
  readonly key: string;
  readonly value: Uint8Array;
  readonly format: LogFormat;
  /** `label` when `value` is a native label, which has a topic of its own. */
  readonly kind?: 'event' | 'label';
  readonly headers: Readonly<Record<string, string>>;
}

/** Everything that was refused, newest first. */
export abstract class DeadLetterStore {
  /** Joins the current unit of work. */
  abstract add(letters: readonly DeadLetter[]): Promise<void>;
  abstract list(options: DeadLetterFilter & { readonly limit: number }): Promise<StoredDeadLetter[]>;
  abstract find(id: number): Promise<StoredDeadLetter | null>;
  /**
   * Marks these as fed in again, in the current unit of work, and returns those that had not been before: whoever gets a
   * letter from here is the only one.
   */
  abstract takeForReplay(ids: readonly number[], by: string, at: Date): Promise<StoredDeadLetter[]>;
}

/** What one sweep removed. */
export interface SweepReport {
  readonly answers: number;
  readonly windows: number;
  /** Windows that were merged into coarser ones. */
  readonly rolledUp: number;
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
    bounds: { readonly windows: WindowRetention; readonly deadLetterRows: number },
  ): Promise<SweepReport & { readonly more: boolean }>;
}
