import type { Clock, ReconcileResult, Reconciler, WorkQueue } from '../kernel/index.js';
import { log } from '../platform/observability/index.js';
import { JOB_KIND } from './job-intake.js';
import { type Job, WAITS } from './domain/job.js';
import { jobsGpus, jobsRunning, jobsWaiting, orphansStoppedTotal } from './metrics.js';
import type { JobStore, Runner } from './ports.js';
import type { JobsSettings } from './settings.js';

export const SWEEP_KIND = 'job-sweep';
export const SWEEP_KEY = 'all';

const HOUR_MS = 3_600_000;

/**
 * Stops what runs and belongs to no job: left by a restored database, or by a stop that was interrupted. Removes what
 * attempts wrote long ago; what is worth keeping of it lies in the artifact store and in the job's report.
 */
export class OrphanSweepReconciler implements Reconciler {
  readonly kind = SWEEP_KIND;

  constructor(
    private readonly jobs: JobStore,
    private readonly runner: Runner,
    private readonly queue: WorkQueue,
    private readonly clock: Clock,
    private readonly settings: Pick<JobsSettings, 'sweepSeconds' | 'keepHours'>,
  ) {}

  async reconcile(): Promise<ReconcileResult> {
    const stopped = await this.runner.sweep(() => this.known());
    if (stopped.length > 0) {
      orphansStoppedTotal.inc(stopped.length);
      log.warn({ attempts: stopped }, 'orphaned attempts stopped');
    }
    const { sweepSeconds, keepHours } = this.settings;
    const known = await this.known();
    jobsRunning.set(known.size);
    const cleared = await this.runner.clear(known, new Date(this.clock.now().getTime() - keepHours * HOUR_MS));
    if (cleared.length > 0) log.info({ attempts: cleared }, 'folders of old attempts removed');
    // Level-triggered: a job whose turn was lost, whatever the reason, gets another one.
    const unfinished = await this.jobs.listUnfinished();
    for (const job of unfinished) await this.queue.enqueue(JOB_KIND, job.id);
    tellOfWaits(unfinished);
    return { requeueAfterMs: sweepSeconds * 1000 };
  }

  /** Attempts of running jobs; a pending job's attempt is saved as running before it is launched. */
  private async known(): Promise<ReadonlySet<string>> {
    const running = (await this.jobs.listUnfinished()).filter((job) => job.status.phase === 'Running');
    return new Set(running.map((job) => job.status.attempt.name));
  }
}

/** How many wait and for what, and how many GPUs are given out. */
function tellOfWaits(unfinished: readonly Job[]): void {
  for (const kind of WAITS) jobsWaiting.set({ kind }, 0);
  let gpus = 0;
  for (const { spec, status } of unfinished) {
    if ('waiting' in status) jobsWaiting.inc({ kind: status.waiting.kind });
    if (status.phase === 'Running') gpus += spec.gpus ?? 0;
  }
  jobsGpus.set(gpus);
}
