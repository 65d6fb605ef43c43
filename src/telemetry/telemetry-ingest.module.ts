import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type Kafka, KAFKA_CLIENT } from '../platform/kafka/index.js';
import { log, ReadinessRegistry } from '../platform/observability/index.js';
import { KafkaRecordLog, type KafkaReadOptions } from './adapters/kafka/kafka-record-log.js';
import { type FollowedTopic, LogFollower } from './log-follower.js';
import { watchCrash, watchFollowing } from './log-observers.js';
import type { FeedLimits } from './partition-feed.js';
import { LogIntake, RecordLog } from './ports.js';
import { telemetryLogSettings, type TelemetryLogSettings } from './settings.js';
import { TelemetryModule } from './telemetry.module.js';

const RETRY_MS = [250, 5000] as const;
const NOTE_MS = 5000;

/** From the log into windows: what the role `ingest` adds. Does nothing when no log is configured. */
@Module({
  imports: [TelemetryModule],
  providers: [
    {
      provide: RecordLog,
      inject: [KAFKA_CLIENT, telemetryLogSettings.token],
      useFactory: (kafka: Kafka | null, settings: TelemetryLogSettings) =>
        kafka === null ? null : new KafkaRecordLog(kafka, readOptions(settings), { crashed: watchCrash }),
    },
    {
      provide: LogFollower,
      inject: [RecordLog, LogIntake, telemetryLogSettings.token],
      useFactory: (records: RecordLog | null, intake: LogIntake, settings: TelemetryLogSettings) =>
        records === null
          ? null
          : new LogFollower(records, intake, followedTopics(settings), limitsOf(settings), watchFollowing),
    },
  ],
})
export class TelemetryIngestModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(LogFollower) private readonly follower: LogFollower | null,
    @Inject(RecordLog) private readonly records: RecordLog | null,
    private readonly readiness: ReadinessRegistry,
  ) {}

  onApplicationBootstrap(): void {
    const { records } = this;
    if (records === null) {
      log.info('no log is configured: telemetry is taken in process and over HTTP');
      return;
    }
    // The log's absence must not take the gateway in the same process out of service: it is said, and no more.
    this.readiness.register('log', () =>
      records.check().catch((error: unknown) => (error instanceof Error ? error.message : String(error))),
    );
    this.follower?.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.follower?.stop();
  }
}

function followedTopics(settings: TelemetryLogSettings): FollowedTopic[] {
  return [
    { topic: settings.inferenceTopic, format: 'native' },
    { topic: settings.labelsTopic, format: 'native' },
    { topic: settings.cloudeventsTopic, format: 'cloudevents' },
    ...settings.seldonTopics.map((topic) => ({ topic, format: 'seldon' as const })),
  ];
}

function readOptions({ groupId, sessionTimeoutMs, fetchWaitMs, fetchBytes }: TelemetryLogSettings): KafkaReadOptions {
  return {
    ...{ groupId, sessionTimeoutMs, fetchWaitMs, fetchBytes },
    // One partition may fill a quarter of a fetch, so that a busy one does not starve the others.
    partitionBytes: Math.ceil(fetchBytes / 4),
    noteMs: NOTE_MS,
    retryMs: RETRY_MS,
  };
}

function limitsOf(settings: TelemetryLogSettings): FeedLimits {
  const { chunkRecords, bufferRecords, bufferBytes, lingerMs, sessionTimeoutMs } = settings;
  return { chunkRecords, bufferRecords, bufferBytes, lingerMs, retryMs: RETRY_MS, reclaimMs: sessionTimeoutMs * 2 };
}
