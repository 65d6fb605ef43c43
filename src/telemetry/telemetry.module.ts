import { Global, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock, Ids } from '../kernel/index.js';
import { ModelStore } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import { AnswerSink, ServedSink } from '../serving/index.js';
import { EventsController } from './adapters/http/events.controller.js';
import { LabelsController } from './adapters/http/labels.controller.js';
import { TelemetryController } from './adapters/http/telemetry.controller.js';
import { PostgresAnswerLedger } from './adapters/postgres/postgres-answer-ledger.js';
import { PostgresBatchLedger } from './adapters/postgres/postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './adapters/postgres/postgres-dead-letter-store.js';
import { PostgresLabelIntake } from './adapters/postgres/postgres-label-intake.js';
import { PostgresSampleStore } from './adapters/postgres/postgres-sample-store.js';
import { PostgresTelemetryRetention } from './adapters/postgres/postgres-telemetry-retention.js';
import { PostgresWindowStore } from './adapters/postgres/postgres-window-store.js';
import { type LatencySummary, mergeLatencies } from './domain/latency-sketch.js';
import type { Window } from './domain/window.js';
import { LedgerLogIntake } from './log-intake.js';
import { ModelViews } from './model-views.js';
import {
  AnswerLedger,
  BatchLedger,
  DeadLetterStore,
  ForeignDecoder,
  LabelIntake,
  LatencySketches,
  LogIntake,
  SampleStore,
  TelemetryRetention,
  WindowStore,
} from './ports.js';
import { ServedReporter } from './served-reporter.js';
import { telemetrySettings, type TelemetrySettings } from './settings.js';
import { type IntakeObserver, TelemetryIntake } from './telemetry-intake.js';
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

/** The same as the function, for whoever wants it injected. */
class MergedLatencySketches extends LatencySketches {
  override merge(windows: readonly Window[]): LatencySummary {
    return mergeLatencies(windows);
  }
}

/** Global, because serving, which is upstream, is handed `AnswerSink` without knowing who implements it. */
@Global()
@Module({
  controllers: [EventsController, LabelsController, TelemetryController],
  providers: [
    { provide: WindowStore, useClass: PostgresWindowStore },
    { provide: AnswerLedger, useClass: PostgresAnswerLedger },
    { provide: SampleStore, useClass: PostgresSampleStore },
    { provide: LabelIntake, useClass: PostgresLabelIntake },
    { provide: DeadLetterStore, useClass: PostgresDeadLetterStore },
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
    { provide: AnswerSink, useExisting: TelemetryIntake },
    {
      provide: ServedSink,
      inject: [TelemetryIntake, Ids],
      useFactory: (intake: TelemetryIntake, ids: Ids) => new ServedReporter(intake, ids),
    },
    TelemetryRetentionReconciler,
  ],
  exports: [
    WindowStore,
    AnswerLedger,
    SampleStore,
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
