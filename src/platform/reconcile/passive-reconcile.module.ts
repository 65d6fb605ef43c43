import { Global, Module } from '@nestjs/common';
import { FactBus, WorkQueue } from '../../kernel/index.js';
import { OutboxFactBus } from './outbox-fact-bus.js';
import { PostgresWorkQueue } from './postgres-work-queue.js';

/**
 * The work queue and the outbox for a process that reconciles nothing: it can ask for work and publish facts, and others
 * do the work. It must not deliver facts, because it knows only some of their subscribers.
 */
@Global()
@Module({
  providers: [
    PostgresWorkQueue,
    OutboxFactBus,
    { provide: WorkQueue, useExisting: PostgresWorkQueue },
    { provide: FactBus, useExisting: OutboxFactBus },
  ],
  exports: [WorkQueue, FactBus],
})
export class PassiveReconcileModule {}
