import { Module, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionChanged, ChampionHistory, ModelApplied, ModelStore, VersionCatalog } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { Scorer } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { AnswerLedger, OutputPairStore, SampleStore, WindowStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { FindingsController } from './adapters/http/findings.controller.js';
import { OnnxEncoder } from './adapters/onnx/onnx-encoder.js';
import { PostgresBaselineStore } from './adapters/postgres/postgres-baseline-store.js';
import { PostgresDetectorStore } from './adapters/postgres/postgres-detector-store.js';
import { PostgresEvidenceRequests } from './adapters/postgres/postgres-evidence-requests.js';
import { PostgresFindingStore } from './adapters/postgres/postgres-finding-store.js';
import { PostgresRescoreLedger } from './adapters/postgres/postgres-rescore-ledger.js';
import { EstimateWatch } from './estimate-watch.js';
import { MONITOR_KIND, MonitorReconciler } from './monitor.reconciler.js';
import { OutputWatch } from './output-watch.js';
import { BaselineStore, DetectorStore, Encoder, EvidenceRequests, FindingStore, RescoreLedger } from './ports.js';
import { RateWatch } from './rate-watch.js';
import { Rescorer } from './rescorer.js';
import { monitorsSettings, type MonitorsSettings } from './settings.js';
import { WindowWatch } from './window-watch.js';

@Module({
  imports: [ModelsModule, RoutesModule, TelemetryModule],
  controllers: [FindingsController],
  providers: [
    { provide: FindingStore, useClass: PostgresFindingStore },
    { provide: DetectorStore, useClass: PostgresDetectorStore },
    { provide: BaselineStore, useClass: PostgresBaselineStore },
    { provide: RescoreLedger, useClass: PostgresRescoreLedger },
    { provide: EvidenceRequests, useClass: PostgresEvidenceRequests },
    {
      provide: Encoder,
      inject: [monitorsSettings.token],
      useFactory: (settings: MonitorsSettings) =>
        new OnnxEncoder({
          modelPath: settings.encoderModelPath,
          vocabularyPath: settings.encoderVocabularyPath,
          tokens: settings.encoderTokens,
        }),
    },
    {
      provide: Rescorer,
      inject: [SampleStore, Scorer, RescoreLedger],
      useFactory: (samples: SampleStore, scorer: Scorer, ledger: RescoreLedger) =>
        new Rescorer(samples, scorer, ledger),
    },
    {
      provide: RateWatch,
      inject: [AnswerLedger, RescoreLedger, DetectorStore],
      useFactory: (answers: AnswerLedger, rescores: RescoreLedger, detectors: DetectorStore) =>
        new RateWatch(answers, rescores, detectors),
    },
    {
      provide: EstimateWatch,
      inject: [AnswerLedger, DetectorStore],
      useFactory: (answers: AnswerLedger, detectors: DetectorStore) => new EstimateWatch(answers, detectors),
    },
    {
      provide: OutputWatch,
      inject: [AnswerLedger, RescoreLedger, OutputPairStore, Encoder, DetectorStore],
      useFactory: (
        answers: AnswerLedger,
        rescores: RescoreLedger,
        pairs: OutputPairStore,
        encoder: Encoder,
        detectors: DetectorStore,
      ) => new OutputWatch(answers, rescores, pairs, encoder, detectors),
    },
    {
      provide: WindowWatch,
      inject: [WindowStore, BaselineStore, DetectorStore, VersionCatalog, monitorsSettings.token],
      useFactory: (
        windows: WindowStore,
        baselines: BaselineStore,
        detectors: DetectorStore,
        versions: VersionCatalog,
        settings: MonitorsSettings,
      ) => new WindowWatch(windows, baselines, detectors, versions, settings),
    },
    {
      provide: MonitorReconciler,
      inject: [
        ...[ModelStore, ChampionHistory, FindingStore, DetectorStore, RescoreLedger, EvidenceRequests],
        ...[Rescorer, RateWatch, WindowWatch, EstimateWatch, OutputWatch],
        ...[UnitOfWork, Clock, monitorsSettings.token],
      ],
      useFactory: (
        models: ModelStore,
        history: ChampionHistory,
        findings: FindingStore,
        detectors: DetectorStore,
        rescores: RescoreLedger,
        wishes: EvidenceRequests,
        rescorer: Rescorer,
        rates: RateWatch,
        windows: WindowWatch,
        estimates: EstimateWatch,
        outputs: OutputWatch,
        unitOfWork: UnitOfWork,
        clock: Clock,
        settings: MonitorsSettings,
      ) =>
        new MonitorReconciler(
          { models, history },
          { findings, detectors, rescores, wishes },
          { rescorer, rates, windows, estimates, outputs },
          unitOfWork,
          clock,
          settings,
        ),
    },
  ],
  exports: [FindingStore, RescoreLedger, EvidenceRequests],
})
export class MonitorsModule implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly models: ModelStore,
    private readonly monitor: MonitorReconciler,
    private readonly encoder: Encoder,
  ) {}

  onModuleInit(): void {
    this.queue.register(this.monitor);
    const look = (model: string): Promise<void> => this.queue.enqueue(MONITOR_KIND, model);
    this.facts.subscribe(ModelApplied, 'monitors', (fact) => look(fact.data.model));
    this.facts.subscribe(ChampionChanged, 'monitors', (fact) => look(fact.data.model));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.queue.enqueueAll(
      MONITOR_KIND,
      (await this.models.list()).map(({ id }) => id),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.encoder.close();
  }
}
