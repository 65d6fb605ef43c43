import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { CandidateAccepted, CandidateStore } from '../candidates/index.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { RouteStore, Scorer } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { AnswerLedger, SampleStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { OpenChanges, TriggerOutcomes } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { ExperimentsController } from './adapters/http/experiments.controller.js';
import { PostgresExperimentStore } from './adapters/postgres/experiment-store.js';
import { PostgresPairLog } from './adapters/postgres/pair-log.js';
import { ExperimentEndings } from './experiment-endings.js';
import { EXPERIMENT_KIND, ExperimentIntake } from './experiment-intake.js';
import { ExperimentReconciler } from './experiment.reconciler.js';
import { PairEntry } from './pair-entry.js';
import { ExperimentStore, PairLog, QualityAllowance } from './ports.js';
import { experimentsSettings, type ExperimentsSettings } from './settings.js';

/** `QualityAllowance` comes from promotions, which is downstream and therefore provides it globally. */
@Module({
  imports: [ModelsModule, RoutesModule, TelemetryModule, TriggersModule, CandidatesModule],
  controllers: [ExperimentsController],
  providers: [
    { provide: ExperimentStore, useClass: PostgresExperimentStore },
    { provide: PairLog, useClass: PostgresPairLog },
    {
      provide: ExperimentIntake,
      inject: [
        ...[ExperimentStore, CandidateStore, ModelStore, ChampionHistory, QualityAllowance],
        ...[WorkQueue, UnitOfWork, Clock],
      ],
      useFactory: (
        experiments: ExperimentStore,
        candidates: CandidateStore,
        models: ModelStore,
        champions: ChampionHistory,
        allowance: QualityAllowance,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) => new ExperimentIntake({ experiments, candidates, models, champions, allowance, queue, unitOfWork, clock }),
    },
    {
      provide: PairEntry,
      inject: [PairLog, AnswerLedger, SampleStore, Scorer, ModelStore, Clock, experimentsSettings.token],
      useFactory: (
        log: PairLog,
        ledger: AnswerLedger,
        samples: SampleStore,
        scorer: Scorer,
        models: ModelStore,
        clock: Clock,
        settings: ExperimentsSettings,
      ) => new PairEntry({ log, ledger, samples, scorer, models, clock }, settings),
    },
    {
      provide: ExperimentEndings,
      inject: [ExperimentStore, CandidateStore, RouteStore, ChangeLock, TriggerOutcomes, FactBus, UnitOfWork],
      useFactory: (
        experiments: ExperimentStore,
        candidates: CandidateStore,
        routes: RouteStore,
        lock: ChangeLock,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        unitOfWork: UnitOfWork,
      ) => new ExperimentEndings({ experiments, candidates, routes, lock, outcomes, facts, unitOfWork }),
    },
    {
      provide: ExperimentReconciler,
      inject: [
        ...[ExperimentStore, ChampionHistory, RouteStore, ChangeLock, PairEntry, ExperimentEndings, Clock],
        experimentsSettings.token,
      ],
      useFactory: (
        experiments: ExperimentStore,
        champions: ChampionHistory,
        routes: RouteStore,
        lock: ChangeLock,
        entry: PairEntry,
        endings: ExperimentEndings,
        clock: Clock,
        settings: ExperimentsSettings,
      ) => new ExperimentReconciler(experiments, { champions, routes, lock }, entry, endings, clock, settings.passMs),
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
      (await this.experiments.listUnfinished())
        .filter((experiment) => experiment.model === model)
        .map(({ id, status }) => ({ kind: 'experiment', id, phase: status.phase })),
    );
    this.facts.subscribe(CandidateAccepted, 'experiments', (fact) => this.intake.open(fact.data.candidate));
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.experiments.listUnfinished()) await this.queue.enqueue(EXPERIMENT_KIND, id);
  }
}
