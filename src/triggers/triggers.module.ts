import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { AuditLog, Clock, FactBus, UnitOfWork, WorkQueue } from '../kernel/index.js';
import { ChampionChanged, ChampionHistory, ChangeLock, ModelApplied, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import { EvidenceRequests, FindingChanged, FindingStore, RescoreLedger } from '../monitors/index.js';
import { MonitorsModule } from '../monitors/monitors.module.js';
import { SampleStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { TriggersController } from './adapters/http/triggers.controller.js';
import { PostgresOutcomeHistory } from './adapters/postgres/postgres-outcome-history.js';
import { PostgresTriggerLedger } from './adapters/postgres/postgres-trigger-ledger.js';
import { PostgresTriggerStore } from './adapters/postgres/postgres-trigger-store.js';
import { TriggerResolved } from './domain/trigger.js';
import { RegisteredChanges } from './open-changes.js';
import { OpenChanges, OutcomeHistory, RemedyPlans, TriggerLedger, TriggerOutcomes, TriggerStore } from './ports.js';
import { RemedyBook } from './remedy-book.js';
import { RegisteredPlans } from './remedy-plans.js';
import { triggersSettings, type TriggersSettings } from './settings.js';
import { SituationReader } from './situation-reader.js';
import { TriggerDesk } from './trigger-desk.js';
import { TriggerEndings } from './trigger-endings.js';
import { StandingReader } from './trigger-standing.js';
import { TRIGGER_KIND, TriggerReconciler } from './trigger.reconciler.js';

@Module({
  imports: [ModelsModule, TelemetryModule, MonitorsModule],
  controllers: [TriggersController],
  providers: [
    { provide: TriggerStore, useClass: PostgresTriggerStore },
    { provide: TriggerLedger, useClass: PostgresTriggerLedger },
    { provide: OutcomeHistory, useClass: PostgresOutcomeHistory },
    { provide: OpenChanges, useClass: RegisteredChanges },
    { provide: RemedyPlans, useClass: RegisteredPlans },
    {
      provide: RemedyBook,
      inject: [OutcomeHistory, Clock, RemedyPlans],
      useFactory: (history: OutcomeHistory, clock: Clock, plans: RemedyPlans) => new RemedyBook(history, clock, plans),
    },
    {
      provide: StandingReader,
      inject: [TriggerStore, TriggerLedger, ChangeLock, OpenChanges, Clock],
      useFactory: (
        triggers: TriggerStore,
        ledger: TriggerLedger,
        lock: ChangeLock,
        changes: OpenChanges,
        clock: Clock,
      ) => new StandingReader({ triggers, ledger, lock, changes, clock }),
    },
    {
      provide: TriggerDesk,
      inject: [TriggerStore, TriggerLedger, ChampionHistory, ChangeLock, UnitOfWork, FactBus, AuditLog, Clock],
      useFactory: (
        triggers: TriggerStore,
        ledger: TriggerLedger,
        history: ChampionHistory,
        lock: ChangeLock,
        unitOfWork: UnitOfWork,
        facts: FactBus,
        audit: AuditLog,
        clock: Clock,
      ) => new TriggerDesk({ triggers, ledger, history, lock, unitOfWork, facts, audit, clock }),
    },
    {
      provide: TriggerOutcomes,
      inject: [TriggerStore, TriggerLedger, UnitOfWork, FactBus, AuditLog, Clock],
      useFactory: (
        triggers: TriggerStore,
        ledger: TriggerLedger,
        unitOfWork: UnitOfWork,
        facts: FactBus,
        audit: AuditLog,
        clock: Clock,
      ) => new TriggerEndings({ triggers, ledger, unitOfWork, facts, audit, clock }),
    },
    {
      provide: SituationReader,
      inject: [
        ...[FindingStore, RescoreLedger, EvidenceRequests, SampleStore, ChangeLock, OpenChanges],
        ...[TriggerStore, TriggerLedger, RemedyBook],
      ],
      useFactory: (
        findings: FindingStore,
        rescores: RescoreLedger,
        evidence: EvidenceRequests,
        samples: SampleStore,
        lock: ChangeLock,
        changes: OpenChanges,
        triggers: TriggerStore,
        ledger: TriggerLedger,
        book: RemedyBook,
      ) => new SituationReader({ findings, rescores, evidence, samples, lock, changes, triggers, ledger, book }),
    },
    {
      provide: TriggerReconciler,
      inject: [
        ...[ModelStore, ChampionHistory, TriggerStore, EvidenceRequests, UnitOfWork, Clock],
        ...[SituationReader, RemedyBook, TriggerDesk, triggersSettings.token],
      ],
      useFactory: (
        models: ModelStore,
        history: ChampionHistory,
        triggers: TriggerStore,
        evidence: EvidenceRequests,
        unitOfWork: UnitOfWork,
        clock: Clock,
        situations: SituationReader,
        book: RemedyBook,
        desk: TriggerDesk,
        settings: TriggersSettings,
      ) =>
        new TriggerReconciler(
          { models, history, triggers, evidence, unitOfWork, clock },
          situations,
          book,
          desk,
          settings,
        ),
    },
  ],
  exports: [TriggerStore, TriggerOutcomes, OpenChanges, RemedyPlans],
})
export class TriggersModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly models: ModelStore,
    private readonly trigger: TriggerReconciler,
  ) {}

  onModuleInit(): void {
    this.queue.register(this.trigger);
    const judge = (model: string): Promise<void> => this.queue.enqueue(TRIGGER_KIND, model);
    this.facts.subscribe(ModelApplied, 'triggers', (fact) => judge(fact.data.model));
    this.facts.subscribe(ChampionChanged, 'triggers', (fact) => judge(fact.data.model));
    this.facts.subscribe(FindingChanged, 'triggers', (fact) => judge(fact.data.model));
    this.facts.subscribe(TriggerResolved, 'triggers', (fact) => judge(fact.data.model));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.queue.enqueueAll(
      TRIGGER_KIND,
      (await this.models.list()).map(({ id }) => id),
    );
  }
}
