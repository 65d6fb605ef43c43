import { Inject, Injectable, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { log } from '../observability/index.js';
import { OutboxFactBus } from './outbox-fact-bus.js';
import { PostgresWorkQueue } from './postgres-work-queue.js';
import { reconcileSettings, type ReconcileSettings } from './settings.js';

const TICK = 'reconcile-tick';
const PRUNE = 'outbox-prune';
const PRUNE_EVERY_MS = 600_000;
const SHUTDOWN_GRACE_MS = 5_000;

/** Drives the work queue and the outbox: a regular tick, and at once when this process made something due. */
@Injectable()
export class ReconcileTicker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private busy = false;
  private again = false;
  private stopped = false;

  constructor(
    private readonly queue: PostgresWorkQueue,
    private readonly facts: OutboxFactBus,
    private readonly scheduler: SchedulerRegistry,
    @Inject(reconcileSettings.token) private readonly settings: ReconcileSettings,
  ) {}

  onApplicationBootstrap(): void {
    this.queue.onDue = this.facts.onDue = () => void this.turn();
    this.scheduler.addInterval(
      TICK,
      setInterval(() => void this.turn(), this.settings.pollMs),
    );
    this.scheduler.addInterval(
      PRUNE,
      setInterval(() => void this.facts.prune().catch(complain), PRUNE_EVERY_MS),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    for (const name of [TICK, PRUNE])
      if (this.scheduler.doesExist('interval', name)) this.scheduler.deleteInterval(name);
    await this.queue.stop(SHUTDOWN_GRACE_MS).catch(complain);
  }

  private async turn(): Promise<void> {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.facts.relay();
        await this.queue.tick();
      }
    } catch (error) {
      complain(error);
    } finally {
      this.busy = false;
    }
  }
}

function complain(error: unknown): void {
  log.warn({ error: String(error) }, 'work queue could not reach the database');
}
