import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { AuditLog, Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { JobStore, JobSucceeded } from '../jobs/index.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { ArtifactStore, ChampionHistory, ModelStore, VersionCatalog, VersionRegistration } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { SampleStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { TriggerOutcomes, TriggerStore } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { CandidatesController } from './adapters/http/candidates.controller.js';
import { ChildProcessEvaluator } from './adapters/onnx/child-process-evaluator.js';
import { PostgresCandidateStore } from './adapters/postgres/postgres-candidate-store.js';
import { CANDIDATE_KIND, CandidateIntake } from './candidate-intake.js';
import { CandidateReconciler } from './candidate.reconciler.js';
import { CandidateStore, Evaluator } from './ports.js';
import { candidatesSettings, type CandidatesSettings } from './settings.js';

@Module({
  imports: [ModelsModule, TelemetryModule, TriggersModule, JobsModule],
  controllers: [CandidatesController],
  providers: [
    { provide: CandidateStore, useClass: PostgresCandidateStore },
    { provide: Evaluator, useClass: ChildProcessEvaluator },
    {
      provide: CandidateIntake,
      inject: [
        ...[CandidateStore, JobStore, TriggerStore, ModelStore, VersionCatalog, VersionRegistration],
        ...[ArtifactStore, ChampionHistory, WorkQueue, UnitOfWork, AuditLog, Clock],
      ],
      useFactory: (
        candidates: CandidateStore,
        jobs: JobStore,
        triggers: TriggerStore,
        models: ModelStore,
        versions: VersionCatalog,
        registration: VersionRegistration,
        artifacts: ArtifactStore,
        champions: ChampionHistory,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        audit: AuditLog,
        clock: Clock,
      ) =>
        new CandidateIntake({
          ...{ candidates, jobs, triggers, models, versions, registration },
          ...{ artifacts, champions, queue, unitOfWork, audit, clock },
        }),
    },
    {
      provide: CandidateReconciler,
      inject: [
        ...[CandidateStore, Evaluator, ModelStore, SampleStore, TriggerOutcomes],
        ...[FactBus, UnitOfWork, Clock, candidatesSettings.token],
      ],
      useFactory: (
        candidates: CandidateStore,
        evaluator: Evaluator,
        models: ModelStore,
        samples: SampleStore,
        outcomes: TriggerOutcomes,
        facts: FactBus,
        unitOfWork: UnitOfWork,
        clock: Clock,
        settings: CandidatesSettings,
      ) =>
        new CandidateReconciler(
          candidates,
          evaluator,
          { models, samples, outcomes, facts, unitOfWork, clock },
          settings,
        ),
    },
  ],
  exports: [CandidateStore],
})
export class CandidatesModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly intake: CandidateIntake,
    private readonly candidate: CandidateReconciler,
    private readonly candidates: CandidateStore,
  ) {}

  onModuleInit(): void {
    this.queue.register(this.candidate);
    this.facts.subscribe(JobSucceeded, 'candidates', (fact) => this.intake.fromJob(fact.data.job));
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { id } of await this.candidates.listUnfinished()) await this.queue.enqueue(CANDIDATE_KIND, id);
  }
}
