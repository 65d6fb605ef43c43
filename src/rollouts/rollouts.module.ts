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
import { BuiltinTrafficRouter } from './adapters/builtin/builtin-traffic-router.js';
import { RolloutsController } from './adapters/http/rollouts.controller.js';
import { PostgresRolloutRequests } from './adapters/postgres/rollout-requests.js';
import { PostgresRolloutStore } from './adapters/postgres/rollout-store.js';
import { WindowGateAdmission } from './adapters/windows/window-gate-admission.js';
import { WindowGateMeter } from './adapters/windows/window-gate-meter.js';
import { gateRule } from './gate-rules.js';
import { GateAdmission, GateMeter, RolloutEndings, RolloutRequests, RolloutStore, TrafficRouter } from './ports.js';
import { RolloutControl } from './rollout-control.js';
import { ROLLOUT_KIND, RolloutIntake } from './rollout-intake.js';
import { RolloutReconciler } from './rollout.reconciler.js';

@Module({
  imports: [ModelsModule, RoutesModule, TelemetryModule, TriggersModule, CandidatesModule, ExperimentsModule],
  controllers: [RolloutsController],
  providers: [
    { provide: RolloutStore, useClass: PostgresRolloutStore },
    { provide: RolloutRequests, useClass: PostgresRolloutRequests },
    { provide: TrafficRouter, useClass: BuiltinTrafficRouter },
    { provide: GateMeter, useClass: WindowGateMeter },
    { provide: GateAdmission, useClass: WindowGateAdmission },
    {
      provide: RolloutControl,
      inject: [RolloutStore, RolloutRequests, WorkQueue, AuditLog, UnitOfWork, Clock],
      useFactory: (
        rollouts: RolloutStore,
        requests: RolloutRequests,
        queue: WorkQueue,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) => new RolloutControl({ rollouts, requests, queue, audit, unitOfWork, clock }),
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
        ...[RolloutStore, RolloutRequests, TrafficRouter, GateMeter, CandidateStore, ChampionHistory],
        ...[ChangeLock, TriggerOutcomes, FactBus, UnitOfWork, Clock],
      ],
      useFactory: (
        rollouts: RolloutStore,
        requests: RolloutRequests,
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
        new RolloutReconciler(rollouts, requests, router, meter, {
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
      (await this.rollouts.listUnfinished())
        .filter((rollout) => rollout.model === model)
        .map(({ id, status }) => ({ kind: 'rollout', id, phase: status.phase })),
    );
    this.facts.subscribe(ExperimentConcluded, 'rollouts', async ({ data }) => {
      if (data.verdict === 'PASS') await this.intake.fromExperiment(data.experiment);
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.rollouts.listUnfinished()) await this.queue.enqueue(ROLLOUT_KIND, id);
  }
}
