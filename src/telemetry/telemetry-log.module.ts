import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Ids } from '../kernel/index.js';
import {
  createKafka,
  type Kafka,
  KAFKA_CLIENT,
  KafkaModule,
  kafkaSettings,
  type KafkaSettings,
  KafkaUnreachable,
  PATIENT,
  requireTopics,
} from '../platform/kafka/index.js';
import { log } from '../platform/observability/index.js';
import { KafkaAppender } from './adapters/kafka/kafka-appender.js';
import { LogAnswers, LogServed } from './log-answers.js';
import { LogEventSink } from './log-event-sink.js';
import { watchSending } from './log-observers.js';
import type { OutgoingEvent } from './ports.js';
import { telemetryLogSettings, type TelemetryLogSettings } from './settings.js';

/** Token of `LogSinks`; null when no log is configured. */
export const LOG_SINKS = Symbol('log-sinks');

/** Everything that goes to the log from this process. */
export interface LogSinks {
  readonly events: LogEventSink;
  readonly answers: LogAnswers;
  readonly served: LogServed;
}

const RETRY_TOPICS_MS = 2000;
/** What waits at the end has so long to reach the log. */
const STOP_MS = 5000;
const RETRY_MS = [200, 5000] as const;
/** Brokers take 1 MiB a batch unless they are told otherwise, with some bytes for what is around it. */
const EVENT_BYTES = 1_000_000;
/** How long an HTTP sender waits for his events to be on the log. */
const WAIT_MS = 10_000;

/** The log as this program uses it: its topics, and the way to it. */
@Module({
  imports: [KafkaModule],
  providers: [
    {
      provide: LOG_SINKS,
      inject: [kafkaSettings.token, telemetryLogSettings.token, Ids],
      useFactory: (connection: KafkaSettings, settings: TelemetryLogSettings, ids: Ids): LogSinks | null => {
        // A client of its own: one that gave up early would have to send what may have arrived a second time.
        const kafka = createKafka(connection, PATIENT);
        if (kafka === null) return null;
        const events = new LogEventSink(
          new KafkaAppender(kafka),
          topicOf(settings),
          limitsOf(settings),
          watchSending(),
        );
        return {
          events,
          answers: new LogAnswers(events, (error) => {
            log.error({ err: error }, 'an answer could not be taken');
          }),
          served: new LogServed(events, `${hostname()}/${ids.next()}`),
        };
      },
    },
  ],
  exports: [LOG_SINKS],
})
export class TelemetryLogModule implements OnModuleInit, OnApplicationShutdown {
  private readonly stopping = new AbortController();

  constructor(
    @Inject(KAFKA_CLIENT) private readonly kafka: Kafka | null,
    @Inject(LOG_SINKS) private readonly sinks: LogSinks | null,
    @Inject(kafkaSettings.token) private readonly connection: KafkaSettings,
    @Inject(telemetryLogSettings.token) private readonly settings: TelemetryLogSettings,
  ) {}

  /** A broker that is away must not keep the program from serving; one that refuses us ends the start. */
  async onModuleInit(): Promise<void> {
    const { kafka } = this;
    if (kafka === null) return;
    try {
      await this.requireTopics(kafka);
    } catch (error) {
      if (!(error instanceof KafkaUnreachable)) throw error;
      log.warn({ brokers: error.data['brokers'] }, 'kafka does not answer; it is tried again');
      void this.keepTrying(kafka);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.sinks?.events.stop(STOP_MS);
  }

  private async keepTrying(kafka: Kafka): Promise<void> {
    for (;;) {
      await delay(RETRY_TOPICS_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      if (this.stopping.signal.aborted) return;
      try {
        await this.requireTopics(kafka);
        return;
      } catch (error) {
        if (!(error instanceof KafkaUnreachable)) log.error({ err: error }, 'kafka cannot be used');
      }
    }
  }

  private async requireTopics(kafka: Kafka): Promise<void> {
    const { inferenceTopic, labelsTopic, cloudeventsTopic, seldonTopics, createTopics, partitions, replicas } =
      this.settings;
    const brokers = this.connection.brokers ?? [];
    const own = [inferenceTopic, labelsTopic, cloudeventsTopic];
    await requireTopics(kafka, brokers, own, { mayCreate: createTopics, partitions, replicas });
    await requireTopics(kafka, brokers, seldonTopics, { mayCreate: false, partitions, replicas });
  }
}

function topicOf(settings: TelemetryLogSettings): (event: OutgoingEvent) => string {
  return ({ format, kind }) => {
    if (format === 'cloudevents') return settings.cloudeventsTopic;
    if (format === 'native') return kind === 'label' ? settings.labelsTopic : settings.inferenceTopic;
    throw new TypeError('Seldon’s topics are only read.');
  };
}

function limitsOf(settings: TelemetryLogSettings): ConstructorParameters<typeof LogEventSink>[2] {
  return {
    batchEvents: settings.produceEvents,
    batchBytes: EVENT_BYTES,
    eventBytes: EVENT_BYTES,
    waitMs: WAIT_MS,
    bufferEvents: settings.produceBufferEvents,
    bufferBytes: settings.produceBufferBytes,
    lingerMs: settings.produceLingerMs,
    retryMs: RETRY_MS,
  };
}
