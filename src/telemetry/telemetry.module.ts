import { Global, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AuditLog, Clock, Ids, UnitOfWork } from '../kernel/index.js';
import { ChampionHistory, ModelStore } from '../models/index.js';
import { Database } from '../platform/postgres/index.js';
import { log } from '../platform/observability/index.js';
import { AnswerSink, RouteStore, ServedSink } from '../serving/index.js';
import { RouteStoreModule } from '../serving/route-store.module.js';
import { ProtocolDecoder } from './adapters/cloudevents/foreign-decoder.js';
import { CloudEventsController } from './adapters/http/cloudevents.controller.js';
import { DeadLettersController } from './adapters/http/dead-letters.controller.js';
import { EventsController } from './adapters/http/events.controller.js';
import { LabelsController } from './adapters/http/labels.controller.js';
import { TelemetryController } from './adapters/http/telemetry.controller.js';
import { type CandidateOf, HalfJoin } from './adapters/postgres/join-halves.js';
import { PostgresAnswerLedger } from './adapters/postgres/postgres-answer-ledger.js';
import { PostgresBatchLedger } from './adapters/postgres/postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './adapters/postgres/postgres-dead-letter-store.js';
import { PostgresLabelIntake } from './adapters/postgres/postgres-label-intake.js';
import { PostgresOutputPairStore } from './adapters/postgres/postgres-output-pair-store.js';
import { PostgresSampleStore } from './adapters/postgres/postgres-sample-store.js';
import { PostgresTelemetryRetention } from './adapters/postgres/postgres-telemetry-retention.js';
import { PostgresWindowStore } from './adapters/postgres/postgres-window-store.js';
import { type LatencySummary, mergeLatencies } from './domain/latency-sketch.js';
import type { Window } from './domain/window.js';
import { DeadLetterReplay } from './dead-letter-replay.js';
import { DirectEventSink } from './direct-event-sink.js';
import { HalfExpiry } from './half-expiry.js';
import { HalfExpiryReconciler } from './half-expiry.reconciler.js';
import { LedgerLogIntake } from './log-intake.js';
import { LogLabels } from './log-labels.js';
import { ModelViews } from './model-views.js';
import { LogNativeIntake, NativeIntake } from './native-intake.js';
import {
  AnswerLedger,
  BatchLedger,
  DeadLetterStore,
  EventSink,
  ForeignDecoder,
  LabelIntake,
  LatencySketches,
  OutputPairStore,
  LogIntake,
  SampleStore,
  TelemetryRetention,
  WindowStore,
} from './ports.js';
import { RedactingDeadLetterStore } from './redacting-dead-letter-store.js';
import { ServedReporter } from './served-reporter.js';
import { telemetrySettings, type TelemetrySettings } from './settings.js';
import { type IntakeObserver, TelemetryIntake } from './telemetry-intake.js';
import { LOG_SINKS, type LogSinks, TelemetryLogModule } from './telemetry-log.module.js';
import { TelemetryRetentionReconciler } from './telemetry-retention.reconciler.js';

const logging: IntakeObserver = {
  defect: (error) => {
    log.error({ err: error }, 'an answer could not be taken');
  },
  failed: (error, entries) => {
    log.warn({ err: error, entries }, 'telemetry could not be written and is tried again');
  },
  replaced: (error, source) => {
    log.error({ err: error, ...source }, 'another process took telemetry over; give each process its own partition');
  },
};

/** The candidate that a model's route names now. */
function candidateBy(routes: RouteStore): CandidateOf {
  return async (model) => (await routes.find(model))?.candidate ?? null;
}

/** The same as the function, for whoever wants it injected. */
class MergedLatencySketches extends LatencySketches {
  override merge(windows: readonly Window[]): LatencySummary {
    return mergeLatencies(windows);
  }
}

/** Global, because serving, which is upstream, is handed `AnswerSink` without knowing who implements it. */
@Global()
@Module({
  imports: [RouteStoreModule, TelemetryLogModule],
  controllers: [CloudEventsController, EventsController, LabelsController, TelemetryController, DeadLettersController],
  providers: [
    { provide: WindowStore, useClass: PostgresWindowStore },
    { provide: AnswerLedger, useClass: PostgresAnswerLedger },
    { provide: SampleStore, useClass: PostgresSampleStore },
    { provide: OutputPairStore, useClass: PostgresOutputPairStore },
    PostgresLabelIntake,
    {
      provide: LabelIntake,
      inject: [LOG_SINKS, PostgresLabelIntake, ModelStore],
      useFactory: (sinks: LogSinks | null, direct: PostgresLabelIntake, models: ModelStore) =>
        sinks === null ? direct : new LogLabels(sinks.events, models),
    },
    {
      provide: NativeIntake,
      inject: [LOG_SINKS, TelemetryIntake],
      useFactory: (sinks: LogSinks | null, intake: TelemetryIntake) =>
        sinks === null ? intake : new LogNativeIntake(sinks.events),
    },
    {
      provide: DeadLetterStore,
      inject: [Database, ModelStore, Clock],
      useFactory: (db: Database, models: ModelStore, clock: Clock) =>
        new RedactingDeadLetterStore(new PostgresDeadLetterStore(db), new ModelViews(models, clock)),
    },
    { provide: ForeignDecoder, useClass: ProtocolDecoder },
    {
      provide: HalfJoin,
      inject: [Database, ForeignDecoder, ChampionHistory, RouteStore, telemetrySettings.token],
      useFactory: (
        db: Database,
        decoder: ForeignDecoder,
        champions: ChampionHistory,
        routes: RouteStore,
        settings: TelemetrySettings,
      ) => new HalfJoin(db, decoder, champions, candidateBy(routes), settings),
    },
    { provide: BatchLedger, useClass: PostgresBatchLedger },
    { provide: TelemetryRetention, useClass: PostgresTelemetryRetention },
    { provide: LatencySketches, useClass: MergedLatencySketches },
    {
      provide: TelemetryIntake,
      inject: [BatchLedger, ModelStore, Clock, telemetrySettings.token],
      useFactory: (ledger: BatchLedger, models: ModelStore, clock: Clock, settings: TelemetrySettings) =>
        new TelemetryIntake(ledger, new ModelViews(models, clock), clock, settings, logging),
    },
    {
      provide: LogIntake,
      inject: [BatchLedger, ModelStore, { token: ForeignDecoder, optional: true }, Clock, telemetrySettings.token],
      useFactory: (
        ledger: BatchLedger,
        models: ModelStore,
        foreign: ForeignDecoder | undefined,
        clock: Clock,
        settings: TelemetrySettings,
      ) => new LedgerLogIntake(ledger, new ModelViews(models, clock), foreign ?? null, clock, settings),
    },
    {
      provide: DeadLetterReplay,
      inject: [DeadLetterStore, LogIntake, UnitOfWork, AuditLog, Clock],
      useFactory: (letters: DeadLetterStore, log: LogIntake, work: UnitOfWork, audit: AuditLog, clock: Clock) =>
        new DeadLetterReplay(letters, log, work, audit, clock),
    },
    // With a log everything goes there and comes back through the role `ingest`; without one straight to the engine.
    {
      provide: EventSink,
      inject: [LOG_SINKS, TelemetryIntake, ForeignDecoder, Clock],
      useFactory: (sinks: LogSinks | null, intake: TelemetryIntake, decoder: ForeignDecoder, clock: Clock) =>
        sinks?.events ?? new DirectEventSink(intake, decoder, clock),
    },
    {
      provide: AnswerSink,
      inject: [LOG_SINKS, TelemetryIntake],
      useFactory: (sinks: LogSinks | null, intake: TelemetryIntake) => sinks?.answers ?? intake,
    },
    {
      provide: ServedSink,
      inject: [LOG_SINKS, TelemetryIntake, Ids],
      useFactory: (sinks: LogSinks | null, intake: TelemetryIntake, ids: Ids) =>
        sinks?.served ?? new ServedReporter(intake, ids),
    },
    {
      provide: HalfExpiry,
      inject: [BatchLedger, UnitOfWork, Clock],
      useFactory: (ledger: BatchLedger, work: UnitOfWork, clock: Clock) => new HalfExpiry(ledger, work, clock),
    },
    HalfExpiryReconciler,
    TelemetryRetentionReconciler,
  ],
  exports: [
    WindowStore,
    AnswerLedger,
    SampleStore,
    OutputPairStore,
    LabelIntake,
    LatencySketches,
    LogIntake,
    BatchLedger,
    DeadLetterStore,
    AnswerSink,
    ServedSink,
  ],
})
export class TelemetryModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly intake: TelemetryIntake) {}

  onApplicationBootstrap(): void {
    this.intake.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.intake.stop();
  }
}
