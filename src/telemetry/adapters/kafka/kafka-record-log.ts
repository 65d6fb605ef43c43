import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import type { Kafka } from '../../../platform/kafka/index.js';
import { IntakeUnavailable } from '../../domain/errors.js';
import { type IntakeSource, type LogListener, type LogMembership, type LogReading, RecordLog } from '../../ports.js';
import { fetchedRecords } from './fetched-records.js';
import { KafkaMembership } from './kafka-membership.js';

export interface KafkaReadOptions {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  /** Longest wait for something to fetch; also how long a resumed partition may wait. */
  readonly fetchWaitMs: number;
  readonly fetchBytes: number;
  readonly partitionBytes: number;
  /** How often the group is told how far has been counted. */
  readonly noteMs: number;
  /** First and longest wait before another attempt when the client gave up. */
  readonly retryMs: readonly [number, number];
}

export interface KafkaLogObserver {
  /** The client gave up and is started again. */
  crashed(error: unknown): void;
}

/**
 * Reads Kafka by kafkajs. Offsets live in our store: nothing is committed to Kafka but what lag tools show, and every
 * assigned partition stays paused until its reader has said where to begin.
 */
export class KafkaRecordLog extends RecordLog {
  private joined = false;
  private trouble: unknown = null;

  constructor(
    private readonly kafka: Kafka,
    private readonly options: KafkaReadOptions,
    private readonly observer: KafkaLogObserver,
  ) {
    super();
  }

  override join(topics: readonly string[], listener: LogListener): LogReading {
    const leaving = new AbortController();
    const done = this.stay(topics, listener, leaving.signal);
    return {
      leave: async () => {
        leaving.abort();
        await done;
      },
    };
  }

  override async check(): Promise<void> {
    if (this.joined) return;
    const reason = this.trouble instanceof Error ? `: ${this.trouble.message}` : '';
    throw new IntakeUnavailable(`the log is not read${reason}`);
  }

  /** One consumer after another, until we leave: kafkajs gives up for good on errors that it thinks are final. */
  private async stay(topics: readonly string[], listener: LogListener, leaving: AbortSignal): Promise<void> {
    const [first, longest] = this.options.retryMs;
    for (let attempt = 0; !leaving.aborted; attempt += 1) {
      const began = performance.now();
      try {
        await this.consume(topics, listener, leaving);
      } catch (error) {
        this.trouble = error;
        this.observer.crashed(error);
      }
      this.joined = false;
      if (performance.now() - began > longest * 2) attempt = 0;
      await delay(Math.min(longest, first * 2 ** Math.min(20, attempt)), undefined, { signal: leaving }).catch(
        () => undefined,
      );
    }
  }

  /** Resolves when we leave, rejects when the consumer gave up. */
  private async consume(topics: readonly string[], listener: LogListener, leaving: AbortSignal): Promise<void> {
    const { groupId, sessionTimeoutMs, fetchWaitMs, fetchBytes, partitionBytes, noteMs } = this.options;
    const consumer = this.kafka.consumer({
      ...{ groupId, maxWaitTimeInMs: fetchWaitMs, maxBytes: fetchBytes, maxBytesPerPartition: partitionBytes },
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs * 2,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 4),
      allowAutoTopicCreation: false,
    });
    const admin = this.kafka.admin();
    const member = new KafkaMembership(consumer, admin, noteMs);
    const crash = this.watch(consumer, member, listener);
    try {
      await consumer.connect();
      await admin.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => takeBatch(payload, listener),
      });
      await Promise.race([crash, aborted(leaving)]);
      await member.noteAll();
    } finally {
      listener.assigned([], member);
      member.close();
      await end(consumer, admin);
    }
  }

  /** Rejects when the consumer gives up for good. */
  private watch(consumer: Consumer, member: LogMembership, listener: LogListener): Promise<never> {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
      const sources = sourcesOf(payload.memberAssignment);
      for (const source of sources) member.pause(source);
      this.joined = true;
      this.trouble = null;
      listener.assigned(sources, member);
    });
    const crash = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }: ConsumerCrashEvent) => {
        this.joined = false;
        this.trouble = error;
        listener.assigned([], member);
        if (restart) this.observer.crashed(error);
        else reject(error);
      });
    });
    crash.catch(() => undefined);
    return crash;
  }
}

/** Handed over and forgotten: the next fetch goes on while these records are written. */
async function takeBatch(payload: EachBatchPayload, listener: LogListener): Promise<void> {
  if (!payload.isRunning() || payload.isStale()) return;
  if (listener.fetched(fetchedRecords(payload.batch))) payload.resolveOffset(payload.batch.lastOffset());
}

function sourcesOf(assignment: Readonly<Record<string, readonly number[]>>): IntakeSource[] {
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function end(consumer: Consumer, admin: Admin): Promise<void> {
  await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
}
