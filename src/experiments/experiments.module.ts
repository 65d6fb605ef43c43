import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { CandidateAccepted, CandidateStore } from '../candidates/index.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { ExposureLog, GatewayStatus, RouteStore, Scorer } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { AnswerLedger, SampleStore, WindowStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { OpenChanges, TriggerOutcomes } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { ExperimentsController } from './adapters/http/experiments.controller.js';
import { PostgresExperimentStore } from './adapters/postgres/experiment-store.js';
import { PostgresPairLog } from './adapters/postgres/pair-log.js';
import { PostgresProgressStore } from './adapters/postgres/progress-store.js';
import { ExperimentEndings } from './experiment-endings.js';
import { EXPERIMENT_KIND, ExperimentIntake } from './experiment-intake.js';
import { ExperimentReconciler } from './experiment.reconciler.js';
import { ExperimentTraffic } from './experiment-traffic.js';
import { LiveEntry } from './live-entry.js';
import { ExperimentStore, PairLog, ProgressStore, QualityAllowance } from './ports.js';
import { experimentsSettings, type ExperimentsSettings } from './settings.js';
import { ShadowEntry } from './shadow-entry.js';

/** `QualityAllowance` comes from promotions, which is downstream and therefore provides it globally. */
@Module({
  imports: [ModelsModule, RoutesModule, TelemetryModule, TriggersModule, CandidatesModule],
  controllers: [ExperimentsController],
  providers: [
    { provide: ExperimentStore, useClass: PostgresExperimentStore },
    { provide: PairLog, useClass: PostgresPairLog },
    { provide: ProgressStore, useClass: PostgresProgressStore },
    {
      provide: ExperimentTraffic,
      inject: [RouteStore, GatewayStatus, WindowStore, Clock],
      useFactory: (routes: RouteStore, gateways: GatewayStatus, windows: WindowStore, clock: Clock) =>
        new ExperimentTraffic({ routes, gateways, windows, clock }),
    },
    {
      provide: ExperimentIntake,
      inject: [
        ...[ExperimentStore, CandidateStore, ModelStore, ChampionHistory, QualityAllowance, ExperimentTraffic],
        ...[WorkQueue, UnitOfWork, Clock],
      ],
      useFactory: (
        experiments: ExperimentStore,
        candidates: CandidateStore,
        models: ModelStore,
        champions: ChampionHistory,
        allowance: QualityAllowance,
        traffic: ExperimentTraffic,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new ExperimentIntake({
          ...{ experiments, candidates, models, champions, allowance, traffic, queue, unitOfWork, clock },
        }),
    },
    {
      provide: ShadowEntry,
      inject: [
        ...[PairLog, ProgressStore, AnswerLedger, SampleStore, Scorer, ModelStore, UnitOfWork, Clock],
        experimentsSettings.token,
      ],
      useFactory: (
        log: PairLog,
        progress: ProgressStore,
        ledger: AnswerLedger,
        samples: SampleStore,
        scorer: Scorer,
        models: ModelStore,
        unitOfWork: UnitOfWork,
        clock: Clock,
        settings: ExperimentsSettings,
      ) => new ShadowEntry({ log, progress, ledger, samples, scorer, models, unitOfWork, clock }, settings),
    },
    {
      provide: LiveEntry,
      inject: [
        ...[ProgressStore, WindowStore, AnswerLedger, ExposureLog, ModelStore, UnitOfWork, Clock],
        experimentsSettings.token,
      ],
      useFactory: (
        progress: ProgressStore,
        windows: WindowStore,
        ledger: AnswerLedger,
        exposures: ExposureLog,
        models: ModelStore,
        unitOfWork: UnitOfWork,
        clock: Clock,
        settings: ExperimentsSettings,
      ) =>
        new LiveEntry(
          { progress, windows, ledger, exposures, models, unitOfWork, clock },
          settings.windowSettleSeconds,
        ),
    },
    {
      provide: ExperimentEndings,
      inject: [ExperimentStore, CandidateStore, ExperimentTraffic, ChangeLock, TriggerOutcomes, FactBus, UnitOfWork],
      useFactory: (
        experiments: ExperimentStore,
        candidates: CandidateStore,
        traffic: ExperimentTraffic,
        lock: ChangeLock,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        unitOfWork: UnitOfWork,
      ) => new ExperimentEndings({ experiments, candidates, traffic, lock, outcomes, facts, unitOfWork }),
    },
    {
      provide: ExperimentReconciler,
      inject: [
        ...[ExperimentStore, ChampionHistory, ChangeLock, ExperimentTraffic, ShadowEntry, LiveEntry],
        ...[ExperimentEndings, Clock, experimentsSettings.token],
      ],
      useFactory: (
        experiments: ExperimentStore,
        champions: ChampionHistory,
        lock: ChangeLock,
        traffic: ExperimentTraffic,
        shadow: ShadowEntry,
        live: LiveEntry,
        endings: ExperimentEndings,
        clock: Clock,
        { passMs }: ExperimentsSettings,
      ) =>
        new ExperimentReconciler(experiments, { champions, lock, traffic }, { shadow, live }, endings, clock, passMs),
    },
  ],
  exports: [ExperimentStore],
})
export class ExperimentsModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly intake: ExperimentIntake,
    private readonly reconciler: ExperimentReconciler,
    private readonly experiments: ExperimentStore,
    private readonly changes: OpenChanges,
  ) {}

  onModuleInit(): void {
    this.queue.register(this.reconciler);
    this.changes.register(async (model) =>
      (await this.experiments.listUnfinished(model)).map(({ id, status }) => ({
        kind: 'experiment',
        id,
        phase: status.phase,
      })),
    );
    this.facts.subscribe(CandidateAccepted, 'experiments', (fact) => this.intake.open(fact.data.candidate));
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.experiments.listUnfinished()) await this.queue.enqueue(EXPERIMENT_KIND, id);
  }
}
