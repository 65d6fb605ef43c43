import { Global, Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { CandidateRefused, CandidateStore } from '../candidates/index.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { ExperimentConcluded, ExperimentStore, QualityAllowance } from '../experiments/index.js';
import { ExperimentsModule } from '../experiments/experiments.module.js';
import { JobStore } from '../jobs/index.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { AuditLog, Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ArtifactStore, ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { RolloutEndings, RolloutFailed, RolloutReady, RolloutStore } from '../rollouts/index.js';
import { RolloutsModule } from '../rollouts/rollouts.module.js';
import { RouteStore } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { TriggerOutcomes, TriggerStore } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { PromotionsController } from './adapters/http/promotions.controller.js';
import { PostgresPromotionStore } from './adapters/postgres/promotion-store.js';
import { PostgresQualityLedger } from './adapters/postgres/quality-ledger.js';
import { PostgresRecordStore } from './adapters/postgres/record-store.js';
import { EvidenceCollector } from './evidence.js';
import { LedgerAllowance } from './ledger-allowance.js';
import { PromotionStore, QualityLedger, RecordStore } from './ports.js';
import { PROMOTION_KIND, PromotionIntake } from './promotion-intake.js';
import { PromotionReconciler } from './promotion.reconciler.js';
import { PromotionEndings } from './promote.js';
import { RecordKeeper } from './record-keeper.js';
import { PromotionRollback } from './roll-back-promotion.js';

/** Global, because experiments, which is upstream, is handed `QualityAllowance` without knowing who implements it. */
@Global()
@Module({
  imports: [
    ModelsModule,
    RoutesModule,
    TriggersModule,
    JobsModule,
    CandidatesModule,
    ExperimentsModule,
    RolloutsModule,
  ],
  controllers: [PromotionsController],
  providers: [
    { provide: PromotionStore, useClass: PostgresPromotionStore },
    { provide: RecordStore, useClass: PostgresRecordStore },
    { provide: QualityLedger, useClass: PostgresQualityLedger },
    {
      provide: QualityAllowance,
      inject: [QualityLedger, ModelStore, ChampionHistory],
      useFactory: (ledger: QualityLedger, models: ModelStore, champions: ChampionHistory) =>
        new LedgerAllowance(ledger, models, champions),
    },
    {
      provide: RecordKeeper,
      inject: [RecordStore, TriggerStore, JobStore, CandidateStore, ExperimentStore, RolloutStore, UnitOfWork, Clock],
      useFactory: (
        records: RecordStore,
        triggers: TriggerStore,
        jobs: JobStore,
        candidates: CandidateStore,
        experiments: ExperimentStore,
        rollouts: RolloutStore,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new RecordKeeper(
          records,
          new EvidenceCollector({ triggers, jobs, candidates, experiments, rollouts }),
          unitOfWork,
          clock,
        ),
    },
    {
      provide: PromotionIntake,
      inject: [PromotionStore, RolloutStore, CandidateStore, ModelStore, WorkQueue, UnitOfWork, Clock],
      useFactory: (
        promotions: PromotionStore,
        rollouts: RolloutStore,
        candidates: CandidateStore,
        models: ModelStore,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) => new PromotionIntake({ promotions, rollouts, candidates, models, queue, unitOfWork, clock }),
    },
    {
      provide: PromotionEndings,
      inject: [
        ...[
          PromotionStore,
          CandidateStore,
          QualityLedger,
          RecordKeeper,
          RolloutEndings,
          ChampionHistory,
          ArtifactStore,
        ],
        ...[ModelStore, ChangeLock, RouteStore, TriggerOutcomes, FactBus, AuditLog, UnitOfWork, Clock],
      ],
      useFactory: (
        promotions: PromotionStore,
        candidates: CandidateStore,
        ledger: QualityLedger,
        records: RecordKeeper,
        rollouts: RolloutEndings,
        champions: ChampionHistory,
        artifacts: ArtifactStore,
        models: ModelStore,
        lock: ChangeLock,
        routes: RouteStore,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new PromotionEndings({
          ...{ promotions, candidates, ledger, records, rollouts, champions, artifacts },
          ...{ models, lock, routes, outcomes, facts, audit, unitOfWork, clock },
        }),
    },
    {
      provide: PromotionRollback,
      inject: [
        ...[PromotionStore, QualityLedger, RecordKeeper, RolloutEndings, ChampionHistory, ArtifactStore, RouteStore],
        ...[FactBus, AuditLog, UnitOfWork, Clock],
      ],
      useFactory: (
        promotions: PromotionStore,
        ledger: QualityLedger,
        records: RecordKeeper,
        rollouts: RolloutEndings,
        champions: ChampionHistory,
        artifacts: ArtifactStore,
        routes: RouteStore,
        facts: FactBus,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new PromotionRollback({
          ...{ promotions, ledger, records, rollouts, champions, artifacts, routes },
          ...{ facts, audit, unitOfWork, clock },
        }),
    },
    {
      provide: PromotionReconciler,
      inject: [PromotionStore, RolloutStore, PromotionEndings],
      useFactory: (promotions: PromotionStore, rollouts: RolloutStore, endings: PromotionEndings) =>
        new PromotionReconciler(promotions, rollouts, endings),
    },
  ],
  exports: [PromotionStore, RecordStore, QualityAllowance],
})
export class PromotionsModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly intake: PromotionIntake,
    private readonly reconciler: PromotionReconciler,
    private readonly keeper: RecordKeeper,
    private readonly promotions: PromotionStore,
  ) {}

  onModuleInit(): void {
    const refused = 'refused' as const;
    this.queue.register(this.reconciler);
    this.facts.subscribe(RolloutReady, 'promotions', async ({ data }) => {
      await this.intake.fromRollout(data.rollout);
    });
    this.facts.subscribe(CandidateRefused, 'promotions', ({ data }) =>
      this.keeper.keep(data.candidate, { outcome: refused, decidedBy: 'candidates', reason: data.reasons.join('; ') }),
    );
    this.facts.subscribe(ExperimentConcluded, 'promotions', async ({ data }) => {
      if (data.verdict === 'PASS') return;
      await this.keeper.keep(data.candidate, { outcome: refused, decidedBy: 'experiments', reason: data.reason });
    });
    this.facts.subscribe(RolloutFailed, 'promotions', ({ data }) =>
      this.keeper.keep(data.candidate, {
        ...{ outcome: refused, decidedBy: 'rollouts', reason: data.reason },
        rollout: data.rollout,
      }),
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.promotions.listUnfinished()) await this.queue.enqueue(PROMOTION_KIND, id);
  }
}
