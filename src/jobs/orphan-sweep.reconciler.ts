import type { ReconcileResult, Reconciler, WorkQueue } from '../kernel/index.js';
import { log } from '../platform/observability/index.js';
import { JOB_KIND } from './job-intake.js';
import { jobsRunning, orphansStoppedTotal } from './metrics.js';
import type { JobStore, Runner } from './ports.js';

export const SWEEP_KIND = 'job-sweep';
export const SWEEP_KEY = 'all';

/** Stops what runs and belongs to no job: left by a restored database, or by a stop that was interrupted. */
export class OrphanSweepReconciler implements Reconciler {
  readonly kind = SWEEP_KIND;

  constructor(
    private readonly jobs: JobStore,
    private readonly runner: Runner,
    private readonly queue: WorkQueue,
    private readonly everySeconds: number,
  ) {}

  async reconcile(): Promise<ReconcileResult> {
    const stopped = await this.runner.sweep(() => this.known());
    if (stopped.length > 0) {
      orphansStoppedTotal.inc(stopped.length);
      log.warn({ attempts: stopped }, 'orphaned attempts stopped');
    }
    // Level-triggered: a job whose turn was lost, whatever the reason, gets another one.
    for (const job of await this.jobs.listUnfinished()) await this.queue.enqueue(JOB_KIND, job.id);
    return { requeueAfterMs: this.everySeconds * 1000 };
  }

  /** Attempts of running jobs; a pending job's attempt is saved as running before it is launched. */
  private async known(): Promise<ReadonlySet<string>> {
    const running = (await this.jobs.listUnfinished()).filter((job) => job.status.phase === 'Running');
    jobsRunning.set(running.length);
    return new Set(running.map((job) => job.status.attempt.name));
  }
}
