import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { AuditLog, Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ArtifactStaging, ArtifactStore, ModelStore, VersionRegistration } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import {
  ClusterConnection,
  KubernetesModule,
  kubernetesSettings,
  type KubernetesSettings,
} from '../platform/kubernetes/index.js';
import { Database } from '../platform/postgres/index.js';
import { SampleStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { RemedyPlans, TriggerOpened, TriggerOutcomes, TriggerStore } from '../triggers/index.js';
import { TriggersModule } from '../triggers/triggers.module.js';
import { AttemptUploads } from './adapters/exchange/attempt-uploads.js';
import { Listening } from './adapters/exchange/listening.js';
import { StoredAttemptExchange } from './adapters/exchange/stored-attempt-exchange.js';
import { AttemptCredential } from './adapters/http/attempt-credential.js';
import { AttemptsController } from './adapters/http/attempts.controller.js';
import { JobsController } from './adapters/http/jobs.controller.js';
import { AttemptTable } from './adapters/postgres/attempt-table.js';
import { KubernetesRunner } from './adapters/kubernetes/kubernetes-runner.js';
import { installationId } from './adapters/postgres/installation.js';
import { PostgresJobStore } from './adapters/postgres/postgres-job-store.js';
import { LocalProcessRunner } from './adapters/process/local-process-runner.js';
import { latestPlan } from './domain/latest-plan.js';
import { JobCollector } from './job-collector.js';
import { JobEndings } from './job-endings.js';
import { JobIntake } from './job-intake.js';
import { JobLauncher } from './job-launcher.js';
import { JobReconciler } from './job.reconciler.js';
import { OrphanSweepReconciler, SWEEP_KEY, SWEEP_KIND } from './orphan-sweep.reconciler.js';
import { AttemptExchange, JobStore, Runner } from './ports.js';
import { jobsSettings, type JobsSettings } from './settings.js';

@Module({
  imports: [ModelsModule, TelemetryModule, TriggersModule, KubernetesModule],
  controllers: [JobsController, AttemptsController],
  providers: [
    { provide: JobStore, useClass: PostgresJobStore },
    {
      provide: Runner,
      inject: [jobsSettings.token, kubernetesSettings.token, ClusterConnection, AttemptExchange, Database, Clock],
      useFactory: (
        settings: JobsSettings,
        cluster: KubernetesSettings,
        connection: ClusterConnection,
        exchange: AttemptExchange,
        db: Database,
        clock: Clock,
      ): Runner => {
        if (settings.runner === 'process') return new LocalProcessRunner(settings);
        const installation = async () => settings.install ?? (await installationId(db));
        const options = { ...settings, resyncMs: cluster.resyncSeconds * 1000 };
        return new KubernetesRunner(connection, exchange, installation, clock, options);
      },
    },
    AttemptTable,
    AttemptCredential,
    {
      provide: AttemptExchange,
      inject: [AttemptTable, ArtifactStaging, Clock, jobsSettings.token],
      useFactory: (table: AttemptTable, staging: ArtifactStaging, clock: Clock, settings: JobsSettings) =>
        new StoredAttemptExchange(table, staging, new Listening(clock), clock, settings),
    },
    {
      provide: AttemptUploads,
      inject: [AttemptTable, ArtifactStaging, UnitOfWork, jobsSettings.token],
      useFactory: (...parts: ConstructorParameters<typeof AttemptUploads>) => new AttemptUploads(...parts),
    },
    {
      provide: JobIntake,
      inject: [JobStore, TriggerStore, ModelStore, WorkQueue, UnitOfWork, AuditLog, Clock],
      useFactory: (
        jobs: JobStore,
        triggers: TriggerStore,
        models: ModelStore,
        queue: WorkQueue,
        unitOfWork: UnitOfWork,
        audit: AuditLog,
        clock: Clock,
      ) => new JobIntake({ jobs, triggers, models, queue, unitOfWork, audit, clock }),
    },
    {
      provide: JobLauncher,
      inject: [JobStore, Runner, SampleStore, ArtifactStore, ModelStore, UnitOfWork, Clock, jobsSettings.token],
      useFactory: (
        jobs: JobStore,
        runner: Runner,
        samples: SampleStore,
        artifacts: ArtifactStore,
        models: ModelStore,
        unitOfWork: UnitOfWork,
        clock: Clock,
        settings: JobsSettings,
      ) => new JobLauncher({ jobs, runner, samples, artifacts, models, unitOfWork, clock }, settings),
    },
    {
      provide: JobCollector,
      inject: [Runner, VersionRegistration],
      useFactory: (runner: Runner, versions: VersionRegistration) => new JobCollector(runner, versions),
    },
    {
      provide: JobEndings,
      inject: [JobStore, TriggerOutcomes, FactBus, UnitOfWork],
      useFactory: (jobs: JobStore, outcomes: TriggerOutcomes, facts: FactBus, unitOfWork: UnitOfWork) =>
        new JobEndings(jobs, outcomes, facts, unitOfWork),
    },
    {
      provide: JobReconciler,
      inject: [JobStore, Runner, JobLauncher, JobCollector, JobEndings, Clock, jobsSettings.token],
      useFactory: (
        jobs: JobStore,
        runner: Runner,
        launcher: JobLauncher,
        collector: JobCollector,
        endings: JobEndings,
        clock: Clock,
        settings: JobsSettings,
      ) => new JobReconciler(jobs, runner, { launcher, collector, endings }, clock, settings),
    },
    {
      provide: OrphanSweepReconciler,
      inject: [JobStore, Runner, WorkQueue, Clock, jobsSettings.token],
      useFactory: (jobs: JobStore, runner: Runner, queue: WorkQueue, clock: Clock, settings: JobsSettings) =>
        new OrphanSweepReconciler(jobs, runner, queue, clock, settings),
    },
  ],
  exports: [JobStore],
})
export class JobsModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly intake: JobIntake,
    private readonly job: JobReconciler,
    private readonly sweep: OrphanSweepReconciler,
    private readonly jobs: JobStore,
    private readonly plans: RemedyPlans,
  ) {}

  onModuleInit(): void {
    this.plans.register(async (model) => latestPlan(await this.jobs.list(model)));
    this.queue.register(this.job);
    this.queue.register(this.sweep);
    this.facts.subscribe(TriggerOpened, 'jobs', (fact) => this.intake.open(fact.data.trigger));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.queue.enqueue(SWEEP_KIND, SWEEP_KEY);
  }
}
