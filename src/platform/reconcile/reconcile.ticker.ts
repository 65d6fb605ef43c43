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

/**
 * Drives the work queue and the outbox: a regular tick, and at once when this process made something due. Each goes at its own
 * pace: hundreds of facts that wait for delivery must not keep places of the queue empty.
 */
@Injectable()
export class ReconcileTicker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly relay: Drive;
  private readonly take: Drive;

  constructor(
    private readonly queue: PostgresWorkQueue,
    private readonly facts: OutboxFactBus,
    private readonly scheduler: SchedulerRegistry,
    @Inject(reconcileSettings.token) private readonly settings: ReconcileSettings,
  ) {
    this.relay = new Drive(() => this.facts.relay());
    this.take = new Drive(() => this.queue.tick());
  }

  onApplicationBootstrap(): void {
    this.facts.onDue = () => void this.relay.turn();
    this.queue.onDue = () => void this.take.turn();
    const both = (): void => {
      void this.relay.turn();
      void this.take.turn();
    };
    this.scheduler.addInterval(TICK, setInterval(both, this.settings.pollMs));
    this.scheduler.addInterval(
      PRUNE,
      setInterval(() => void this.facts.prune().catch(complain), PRUNE_EVERY_MS),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.relay.stop();
    this.take.stop();
    for (const name of [TICK, PRUNE])
      if (this.scheduler.doesExist('interval', name)) this.scheduler.deleteInterval(name);
    await this.queue.stop(SHUTDOWN_GRACE_MS).catch(complain);
  }
}

/** Does one thing, not beside itself, and once more when it was asked for meanwhile. */
class Drive {
  private busy = false;
  private again = false;
  private stopped = false;

  constructor(private readonly work: () => Promise<unknown>) {}

  async turn(): Promise<void> {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.work();
      }
    } catch (error) {
      complain(error);
    } finally {
      this.busy = false;
    }
  }

  stop(): void {
    this.stopped = true;
  }
}

function complain(error: unknown): void {
  log.warn({ error: String(error) }, 'work queue could not reach the database');
}
