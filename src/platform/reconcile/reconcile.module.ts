import { Global, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { FactBus, WorkQueue } from '../../kernel/index.js';
import { OutboxFactBus } from './outbox-fact-bus.js';
import { PostgresWorkQueue } from './postgres-work-queue.js';
import { ReconcileTicker } from './reconcile.ticker.js';

/** The work queue and the outbox for every stage. Needs `Database`, `Ids`, `Clock` and the `reconcile` settings. */
@Global()
@Module({
  imports: [ScheduleModule.forRoot()],
  providers: [
    PostgresWorkQueue,
    OutboxFactBus,
    ReconcileTicker,
    { provide: WorkQueue, useExisting: PostgresWorkQueue },
    { provide: FactBus, useExisting: OutboxFactBus },
  ],
  exports: [WorkQueue, FactBus],
})
export class ReconcileModule {}
