import { RatchetError } from '../../kernel/index.js';

/** Thrown when a snapshot was asked for, but there is nothing to train on. */
export class NotEnoughSamples extends RatchetError {
  readonly code = 'unprocessable';
  constructor(
    model: string,
    since: Date,
    rows: number,
    heldOut: { readonly holdout: number; readonly minimumHoldout: number } | null = null,
  ) {
    const detail =
      heldOut === null ? '' : `, of which ${heldOut.holdout} held out (${heldOut.minimumHoldout} are required)`;
    super(`There are not enough samples of model "${model}" since ${since.toISOString()}: ${rows} kept${detail}.`, {
      ...{ model, since: since.toISOString(), rows },
      ...heldOut,
    });
  }
}

/** Thrown when the source of a batch was claimed by somebody else: nothing was written, and nothing may be any more. */
export class FencedOut extends RatchetError {
  readonly code = 'conflict';
  constructor(topic: string, partition: number, epoch: number, from: number) {
    super(`Epoch ${epoch} no longer owns ${topic}/${partition} at offset ${from}.`, { topic, partition, epoch, from });
  }
}

/** Thrown when a part of the batch was committed before by the same owner; what follows from `next` on may be sent again. */
export class AlreadyFurther extends RatchetError {
  readonly code = 'conflict';
  override readonly retryable = true;
  constructor(
    topic: string,
    partition: number,
    readonly next: number,
  ) {
    super(`${topic}/${partition} stands at offset ${next} already.`, { topic, partition, next });
  }
}

/** Thrown when the store refuses a batch for its content, so that trying the same batch again cannot help. */
export class BatchRefused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(reason: string, options?: { cause?: unknown }) {
    super(`The store refused the batch: ${reason}`, { reason }, options);
  }
}

/** Thrown when the bounded intake has no room; the same call may succeed a little later. */
export class IntakeOverloaded extends RatchetError {
  readonly code = 'overloaded';
  override readonly retryable = true;
  constructor(entries: number) {
    super(`Telemetry has no room for ${entries} more entries now; try again in a second.`, { entries });
  }
}

/** Thrown when telemetry cannot be made durable now: the process is stopping, was replaced, or the store does not answer. */
export class IntakeUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(reason: string, options?: { cause?: unknown }) {
    super(`Telemetry is not taken now: ${reason}.`, { reason }, options);
  }
}

/** Thrown when a body is larger than is taken; its hash and head are in the dead letters. */
export class BodyTooLarge extends RatchetError {
  readonly code = 'too_large';
  constructor(bytes: number, limit: number) {
    super(`The body has ${bytes} bytes; at most ${limit} are taken.`, { bytes, limit });
  }
}

/**
 * Thrown when the log refuses records for their size, so that trying the same batch again cannot help; fewer of them may
 * be taken. `bytes` are those of keys, values and headers before they are compressed.
 */
export class TooLargeForLog extends RatchetError {
  readonly code = 'too_large';
  constructor(records: number, bytes: number, options?: { cause?: unknown }) {
    const what = records === 1 ? `a record of ${bytes} bytes` : `${records} records of ${bytes} bytes together`;
    super(`The log does not take ${what}: it is set to take less.`, { records, bytes }, options);
  }
}

/** Thrown when a dead letter cannot be fed in again. */
export class NotReplayable extends RatchetError {
  readonly code = 'conflict';
  constructor(id: number, why: string) {
    super(`The dead letter ${id} cannot be replayed: ${why}.`, { id, why });
  }
}
