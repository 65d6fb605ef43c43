import { Inject, Injectable } from '@nestjs/common';
import { Ids, type Reconciler, RevisionConflict, TerminalError, WorkQueue } from '../../kernel/index.js';
import { log } from '../observability/index.js';
import { Database } from '../postgres/index.js';
import { passesTotal, passSeconds, waitSeconds } from './metrics.js';
import { reconcileSettings, type ReconcileSettings } from './settings.js';
import { type TakenItem, WorkItems } from './work-items.js';

/** Runs reconcilers over rows of `platform.work_item`, taken with SKIP LOCKED and held by a lease that passes renew. */
@Injectable()
export class PostgresWorkQueue extends WorkQueue {
  private readonly items: WorkItems;
  private readonly reconcilers = new Map<string, Reconciler>();
  private readonly running = new Set<Promise<void>>();
  /** Passes that run, by kind; the kind that was given a place last comes last. */
  private readonly places = new Map<string, number>();
  private readonly renewals = new Set<NodeJS.Timeout>();
  private readonly holder: string;
  private stopped = false;
  private taking = false;
  /** Called when this process made something due right now; the tick need not wait for its turn. */
  onDue: () => void = () => undefined;

  constructor(
    private readonly db: Database,
    ids: Ids,
    @Inject(reconcileSettings.token) private readonly settings: ReconcileSettings,
  ) {
    super();
    this.items = new WorkItems(db);
    this.holder = ids.next();
  }

  override register(reconciler: Reconciler): void {
    if (this.reconcilers.has(reconciler.kind)) throw new Error(`Two reconcilers for the kind "${reconciler.kind}".`);
    this.reconcilers.set(reconciler.kind, reconciler);
    this.places.set(reconciler.kind, 0);
  }

  override async enqueue(kind: string, key: string, delayMs = 0): Promise<void> {
    await this.items.enqueue(kind, key, delayMs);
    if (delayMs === 0)
      this.db.afterCommit(() => {
        this.onDue();
      });
  }

  override async enqueueAll(kind: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.items.enqueueAll(kind, keys);
    this.db.afterCommit(() => {
      this.onDue();
    });
  }

  /** Takes what is due and starts its passes; returns how many were started. */
  async tick(): Promise<number> {
    if (this.stopped || this.taking) return 0;
    this.taking = true;
    try {
      return (await this.startDue(true)) + (await this.startDue(false));
    } finally {
      this.taking = false;
    }
  }

  /**
   * Of the room, a third is kept for the urgent and a third for the rest: thousands of models that are due must not keep a
   * rollout from going back, nor hundreds of rollouts the monitors from looking. Within each, the kinds share alike.
   */
  private async startDue(urgent: boolean): Promise<number> {
    const { concurrency, leaseSeconds } = this.settings;
    const kinds = new Map([...this.places].filter(([kind]) => this.isUrgent(kind) === urgent));
    const mine = [...kinds.values()].reduce((sum, running) => sum + running, 0);
    const alone = kinds.size === this.places.size;
    const most = alone ? concurrency : Math.max(1, concurrency - Math.floor(concurrency / 3));
    const room = Math.min(most - mine, concurrency - this.running.size);
    if (room <= 0 || kinds.size === 0) return 0;
    const taken = await this.items.take(kinds, this.holder, room, leaseSeconds);
    for (const item of taken) this.start(item);
    return taken.length;
  }

  private isUrgent(kind: string): boolean {
    return this.reconcilers.get(kind)?.urgent ?? false;
  }

  /** Takes no more, waits for the running passes (at most `graceMs`) and gives back what is left. */
  async stop(graceMs: number): Promise<void> {
    this.stopped = true;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((done) => (timer = setTimeout(done, graceMs)));
    await Promise.race([Promise.allSettled(this.running), grace]);
    clearTimeout(timer);
    for (const renewal of this.renewals) clearInterval(renewal);
    await this.items.releaseAll(this.holder);
  }

  /** Resolves when no pass is running. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  private start(item: TakenItem): void {
    this.givePlace(item.kind);
    const pass = this.pass(item).finally(() => {
      this.places.set(item.kind, (this.places.get(item.kind) ?? 1) - 1);
      this.running.delete(pass);
      if (!this.stopped) this.onDue();
    });
    this.running.add(pass);
  }

  private givePlace(kind: string): void {
    const running = this.places.get(kind) ?? 0;
    this.places.delete(kind);
    this.places.set(kind, running + 1);
  }

  private async pass(item: TakenItem): Promise<void> {
    const reconciler = this.reconcilers.get(item.kind);
    if (reconciler === undefined) return;
    const renewal = setInterval(() => {
      this.items.renew(item, this.holder, this.settings.leaseSeconds).catch((error: unknown) => {
        log.warn({ error: String(error), kind: item.kind, key: item.key }, 'lease could not be renewed');
      });
    }, this.settings.leaseSeconds * 300);
    this.renewals.add(renewal);
    if (item.waitedSeconds !== null) waitSeconds.observe({ kind: item.kind }, item.waitedSeconds);
    const ended = passSeconds.startTimer({ kind: item.kind });
    try {
      const result = await reconciler.reconcile(item.key);
      await this.items.finish(item, this.holder, result.requeueAfterMs ?? null, 0);
      passesTotal.inc({ kind: item.kind, result: 'ok' });
    } catch (error) {
      await this.failed(item, error);
    } finally {
      clearInterval(renewal);
      this.renewals.delete(renewal);
      ended();
    }
  }

  private async failed(item: TakenItem, error: unknown): Promise<void> {
    const conflict = error instanceof RevisionConflict;
    passesTotal.inc({ kind: item.kind, result: conflict ? 'conflict' : 'error' });
    const where = { kind: item.kind, key: item.key };
    try {
      if (error instanceof TerminalError) {
        log.error({ ...where, error: error.message }, 'pass gave up');
        await this.items.park(item, this.holder, error.message);
        return;
      }
      const delayMs = Math.min(this.settings.retryBaseMs * 2 ** Math.min(item.attempts, 20), this.settings.retryMaxMs);
      if (!conflict && !this.stopped)
        log.warn({ ...where, attempts: item.attempts + 1, delayMs, error: describe(error) }, 'pass failed');
      await this.items.finish(item, this.holder, conflict ? 0 : delayMs, item.attempts + 1);
    } catch (storeError) {
      // The database is away; the lease runs out and the item is taken again.
      if (!this.stopped) log.warn({ ...where, error: String(storeError) }, 'pass could not be given back');
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
