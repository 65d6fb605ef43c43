import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { CandidateStore } from '../candidates/index.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { ExperimentConcluded, ExperimentStore } from '../experiments/index.js';
import { ExperimentsModule } from '../experiments/experiments.module.js';
import { AuditLog, Clock, FactBus, Ids, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionHistory, ChangeLock, DocumentRules, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { RoutesModule } from '../serving/routes.module.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { OpenChanges, TriggerOutcomes } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { RolloutsController } from './adapters/http/rollouts.controller.js';
import { PostgresDecisionLog } from './adapters/postgres/decision-log.js';
import { PostgresRolloutRequests } from './adapters/postgres/rollout-requests.js';
import { PostgresRolloutSights } from './adapters/postgres/rollout-sights.js';
import { PostgresRolloutStore } from './adapters/postgres/rollout-store.js';
import { gateRule } from './gate-rules.js';
import { GatesModule } from './gates.module.js';
import {
  DecisionLog,
  GateAdmission,
  GateMeter,
  RolloutEndings,
  RolloutRequests,
  RolloutSights,
  RolloutStore,
  TrafficRouter,
} from './ports.js';
import { RolloutControl } from './rollout-control.js';
import { ROLLOUT_KIND, RolloutIntake } from './rollout-intake.js';
import { RolloutRetry } from './rollout-retry.js';
import { RolloutViews } from './rollout-view.js';
import { RolloutReconciler } from './rollout.reconciler.js';
import { TrafficModule } from './traffic.module.js';

@Module({
  imports: [
    ModelsModule,
    RoutesModule,
    TrafficModule,
    GatesModule,
    TelemetryModule,
    TriggersModule,
    CandidatesModule,
    ExperimentsModule,
  ],
  controllers: [RolloutsController],
  providers: [
    { provide: RolloutStore, useClass: PostgresRolloutStore },
    { provide: RolloutRequests, useClass: PostgresRolloutRequests },
    { provide: RolloutSights, useClass: PostgresRolloutSights },
    { provide: DecisionLog, useClass: PostgresDecisionLog },
    {
      provide: RolloutControl,
      inject: [RolloutStore, RolloutRequests, RolloutSights, DecisionLog, WorkQueue, AuditLog, UnitOfWork, Clock],
      useFactory: (
        rollouts: RolloutStore,
        requests: RolloutRequests,
        sights: RolloutSights,
        decisions: DecisionLog,
        queue: WorkQueue,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) => new RolloutControl({ rollouts, requests, sights, decisions, queue, audit, unitOfWork, clock }),
    },
    {
      provide: RolloutViews,
      inject: [RolloutSights, RolloutRequests, Clock],
      useFactory: (sights: RolloutSights, requests: RolloutRequests, clock: Clock) =>
        new RolloutViews(sights, requests, clock),
    },
    {
      provide: RolloutRetry,
      inject: [RolloutStore, ModelStore, ChampionHistory, ChangeLock, WorkQueue, AuditLog, UnitOfWork, Ids, Clock],
      useFactory: (
        rollouts: RolloutStore,
        models: ModelStore,
        champions: ChampionHistory,
        lock: ChangeLock,
        queue: WorkQueue,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        ids: Ids,
        clock: Clock,
      ) => new RolloutRetry({ rollouts, models, champions, lock, queue, audit, unitOfWork, ids, clock }),
    },
    { provide: RolloutEndings, useExisting: RolloutControl },
    {
      provide: RolloutIntake,
      inject: [RolloutStore, ExperimentStore, CandidateStore, ModelStore, WorkQueue, UnitOfWork, Ids, Clock],
      useFactory: (
        rollouts: RolloutStore,
        experiments: ExperimentStore,
        candidates: CandidateStore,
        models: ModelStore,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        ids: Ids,
        clock: Clock,
      ) => new RolloutIntake({ rollouts, experiments, candidates, models, queue, unitOfWork, ids, clock }),
    },
    {
      provide: RolloutReconciler,
      inject: [
        ...[RolloutStore, RolloutRequests, RolloutSights, DecisionLog, TrafficRouter, GateMeter, CandidateStore],
        ...[ChampionHistory, ChangeLock, TriggerOutcomes, FactBus, UnitOfWork, Clock],
      ],
      useFactory: (
        rollouts: RolloutStore,
        requests: RolloutRequests,
        sights: RolloutSights,
        decisions: DecisionLog,
        router: TrafficRouter,
        meter: GateMeter,
        candidates: CandidateStore,
        champions: ChampionHistory,
        lock: ChangeLock,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new RolloutReconciler({ rollouts, requests, sights, decisions }, router, meter, {
          ...{ candidates, champions, lock, outcomes, facts, unitOfWork, clock },
        }),
    },
  ],
  exports: [RolloutStore, RolloutEndings],
})
export class RolloutsModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly intake: RolloutIntake,
    private readonly reconciler: RolloutReconciler,
    private readonly rollouts: RolloutStore,
    private readonly changes: OpenChanges,
    private readonly rules: DocumentRules,
    private readonly gates: GateAdmission,
  ) {}

  onModuleInit(): void {
    this.queue.register(this.reconciler);
    this.rules.register(gateRule(this.gates));
    this.changes.register(async (model) =>
      (await this.rollouts.listUnfinished(model)).map(({ id, status }) => ({
        kind: 'rollout',
        id,
        phase: status.phase,
      })),
    );
    this.facts.subscribe(ExperimentConcluded, 'rollouts', async ({ data }) => {
      if (data.verdict === 'PASS') await this.intake.fromExperiment(data.experiment);
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    const open = [...(await this.rollouts.listUnfinished()), ...(await this.rollouts.listUnsettled())];
    for (const { id } of open) await this.queue.enqueue(ROLLOUT_KIND, id);
  }
}
