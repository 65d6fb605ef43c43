import { RatchetError } from '../../kernel/index.js';

/** Thrown at the start when the settings name a file that cannot be used. */
export class KafkaMisconfigured extends RatchetError {
  readonly code = 'invalid';
  constructor(what: string, options?: { cause?: unknown }) {
    super(`Kafka cannot be used as configured: ${what}`, {}, options);
  }
}

/** Thrown when no broker answers; the same may succeed later. */
export class KafkaUnreachable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(brokers: readonly string[], options?: { cause?: unknown }) {
    super(`No Kafka broker of ${brokers.join(', ')} answers.`, { brokers }, options);
  }
}

/** Thrown when the brokers refuse this client: its login, its certificate, or what it may do. */
export class KafkaRefused extends RatchetError {
  readonly code = 'forbidden';
  constructor(reason: string, options?: { cause?: unknown }) {
    super(`Kafka refuses this client: ${reason}`, { reason }, options);
  }
}

/** Thrown when topics are missing and this program may not create them. */
export class TopicsMissing extends RatchetError {
  readonly code = 'unprocessable';
  constructor(topics: readonly string[]) {
    super(`Kafka has no topic ${topics.join(', ')}, and this program is not set to create topics.`, { topics });
  }
}

/** Thrown when a compressed batch of the log would take more memory than a batch may. */
export class BatchInflates extends RatchetError {
  readonly code = 'too_large';
  /** As kafkajs spells it: fetching the same batch again at once cannot help, so the reader gives up and begins anew later. */
  readonly retriable = false;
  constructor(bytes: number, limit: number, options?: { cause?: unknown }) {
    super(
      `A batch of the log has ${bytes} bytes and more than ${limit} when it is inflated: it is not read.`,
      { bytes, limit },
      options,
    );
  }
}
