import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { CandidateAccepted, CandidateStore } from '../candidates/index.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { RouteStore, Scorer } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { AnswerLedger, SampleStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { TriggerOutcomes } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { ExperimentsController } from './adapters/http/experiments.controller.js';
import { PostgresExperimentStore } from './adapters/postgres/experiment-store.js';
import { PostgresPairLog } from './adapters/postgres/pair-log.js';
import { EXPERIMENT_KIND, ExperimentIntake } from './experiment-intake.js';
import { ExperimentReconciler } from './experiment.reconciler.js';
import { PairScorer } from './pair-scorer.js';
import { ExperimentStore, PairLog, QualityAllowance } from './ports.js';
import { experimentsSettings, type ExperimentsSettings } from './settings.js';

@Module({
  imports: [ModelsModule, RoutesModule, TelemetryModule, TriggersModule, CandidatesModule],
  controllers: [ExperimentsController],
  providers: [
    { provide: ExperimentStore, useClass: PostgresExperimentStore },
    { provide: PairLog, useClass: PostgresPairLog },
    {
      provide: PairScorer,
      inject: [AnswerLedger, SampleStore, Scorer, PairLog, Clock, experimentsSettings.token],
      useFactory: (
        answers: AnswerLedger,
        samples: SampleStore,
        scorer: Scorer,
        log: PairLog,
        clock: Clock,
        settings: ExperimentsSettings,
      ) => new PairScorer({ answers, samples, scorer, log, clock }, settings),
    },
    {
      provide: ExperimentIntake,
      inject: [ExperimentStore, CandidateStore, ModelStore, ChampionHistory, ModuleRef, WorkQueue, UnitOfWork, Clock],
      useFactory: (
        experiments: ExperimentStore,
        candidates: CandidateStore,
        models: ModelStore,
        champions: ChampionHistory,
        modules: ModuleRef,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new ExperimentIntake({
          ...{ experiments, candidates, models, champions, queue, unitOfWork, clock },
          // Implemented downstream, so it exists only once every module does.
          allowance: () => modules.get(QualityAllowance, { strict: false }),
        }),
    },
    {
      provide: ExperimentReconciler,
      inject: [
        ...[ExperimentStore, PairScorer, CandidateStore, ChampionHistory, ChangeLock, RouteStore],
        ...[TriggerOutcomes, FactBus, UnitOfWork, Clock],
      ],
      useFactory: (
        experiments: ExperimentStore,
        scorer: PairScorer,
        candidates: CandidateStore,
        champions: ChampionHistory,
        lock: ChangeLock,
        routes: RouteStore,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new ExperimentReconciler(experiments, scorer, {
          ...{ candidates, champions, lock, routes, outcomes, facts, unitOfWork, clock },
        }),
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
  ) {}

  onModuleInit(): void {
    this.queue.register(this.reconciler);
    this.facts.subscribe(CandidateAccepted, 'experiments', async ({ data }) => {
      await this.intake.fromCandidate(data.candidate);
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.experiments.listUnfinished()) await this.queue.enqueue(EXPERIMENT_KIND, id);
  }
}
