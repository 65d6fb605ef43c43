import { type Clock, RatchetError, type ReconcileResult, type Reconciler } from '../kernel/index.js';
import { log } from '../platform/observability/index.js';
import type { AttemptObservation } from './domain/attempt.js';
import { advanceJob, type JobDecision, retryOrFail } from './domain/advance-job.js';
import {
  asSeen,
  cancelledFrom,
  failedFrom,
  pendingAgain,
  pendingBecause,
  progressed,
  spentUntil,
  succeededFrom,
} from './domain/job-status.js';
import type { Job, JobStatus, JobWaiting } from './domain/job.js';
import type { JobCollector } from './job-collector.js';
import type { JobEndings } from './job-endings.js';
import { JOB_KIND } from './job-intake.js';
import type { JobLauncher } from './job-launcher.js';
import { attemptsEndedTotal, attemptSeconds, jobsFinishedTotal, runnerSecondsTotal } from './metrics.js';
import type { JobStore, Runner } from './ports.js';
import type { JobsSettings } from './settings.js';

type Open = Extract<JobStatus, { phase: 'Pending' | 'Running' }>;
type Running = Extract<JobStatus, { phase: 'Running' }>;

/** Takes one job from its trigger to its versions, one decision a pass. */
export class JobReconciler implements Reconciler {
  readonly kind = JOB_KIND;
  readonly urgent = true;

  constructor(
    private readonly jobs: JobStore,
    private readonly runner: Runner,
    private readonly steps: {
      readonly launcher: JobLauncher;
      readonly collector: JobCollector;
      readonly endings: JobEndings;
    },
    private readonly clock: Clock,
    private readonly settings: JobsSettings,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const job = await this.jobs.find(key);
    if (job === null) return {};
    const { status } = job;
    if (status.phase !== 'Pending' && status.phase !== 'Running') return {};
    const observation: AttemptObservation =
      status.phase === 'Running' ? await this.runner.observe(status.attempt) : { state: 'absent' };
    const now = this.clock.now();
    if (status.phase === 'Pending')
      return this.actOnPending(job, status, advanceJob(job, observation, this.settings, now), now);
    const seen = asSeen(status, observation, now);
    const decision = advanceJob({ ...job, status: seen }, observation, this.settings, now);
    return this.actOnRunning(job, seen, decision, now);
  }

  private async actOnPending(
    job: Job,
    status: Extract<Open, { phase: 'Pending' }>,
    decision: JobDecision,
    now: Date,
  ): Promise<ReconcileResult> {
    if (decision.kind === 'hold') return { requeueAfterMs: Math.max(10, decision.until.getTime() - now.getTime()) };
    if (decision.kind === 'cancel') return this.end(job, status, decision, now);
    try {
      const launch = await this.steps.launcher.launch(job, status);
      if (launch.kind === 'impossible') {
        return await this.end(job, status, { kind: 'fail', stop: false, reason: launch.reason, endedAt: now }, now);
      }
      if (launch.kind === 'started') log.info({ job: job.id, attempt: status.attempt.name }, 'job started');
      if (launch.kind === 'later') await this.noteWait(launch.job, launch.waiting, now);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const current = await this.jobs.require(job.id);
      // When `Running` was saved already, the next pass launches again, meets the same refusal and ends it.
      if (current.status.phase !== 'Pending') return { requeueAfterMs: 10 };
      return this.end(current, current.status, { kind: 'fail', stop: false, reason: error.message, endedAt: now }, now);
    }
    return { requeueAfterMs: this.settings.observeMs };
  }

  private async actOnRunning(job: Job, running: Running, decision: JobDecision, now: Date): Promise<ReconcileResult> {
    switch (decision.kind) {
      case 'await':
      case 'wait': {
        const news = decision.kind === 'wait' ? progressed(running, decision) : null;
        if (news !== null || running !== job.status) await this.jobs.save({ ...job, status: news ?? running });
        return { requeueAfterMs: this.settings.observeMs };
      }
      case 'relaunch':
        return this.relaunch(job, running, now);
      case 'collect':
        return this.collect(job, running, decision.endedAt, now);
      case 'retry':
      case 'fail':
      case 'cancel':
        return this.end(job, running, decision, now);
      default:
        return { requeueAfterMs: this.settings.observeMs };
    }
  }

  /** Says in the job why it waits; only what is new is saved. */
  private async noteWait(job: Job, { kind, message }: Pick<JobWaiting, 'kind' | 'message'>, now: Date): Promise<void> {
    if (job.status.phase !== 'Pending') return;
    const status = pendingBecause(job.status, kind, message, now);
    if (status !== job.status) await this.jobs.save({ ...job, status });
  }

  private async relaunch(job: Job, running: Running, now: Date): Promise<ReconcileResult> {
    try {
      await this.steps.launcher.start(job);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.end(job, running, { kind: 'fail', stop: true, reason: error.message, endedAt: now }, now);
    }
    return { requeueAfterMs: this.settings.observeMs };
  }

  private async collect(job: Job, running: Running, endedAt: Date, now: Date): Promise<ReconcileResult> {
    const collection = await this.steps.collector.collect(job, running);
    if (collection.kind === 'versions') {
      const { report, candidates, reference } = collection;
      const status = succeededFrom(running, { report, candidates, reference }, endedAt, now);
      await this.steps.endings.end(job, status);
      this.tell(job, running, 'succeeded', endedAt, 'Succeeded');
      return {};
    }
    const failure = { reason: collection.reason, stop: false, endedAt };
    const decision: JobDecision =
      collection.kind === 'broken'
        ? retryOrFail(job, running, this.settings, failure, now)
        : { kind: 'fail', ...failure, reason: `attempt ${running.attempt.number}: ${collection.reason}` };
    return this.end(job, running, decision, now);
  }

  /** Ends the attempt (retry) or the job (fail, cancel): first the processes, then the save. */
  private async end(job: Job, status: Open, decision: JobDecision, now: Date): Promise<ReconcileResult> {
    if (status.phase === 'Running' && (decision.kind === 'cancel' || ('stop' in decision && decision.stop))) {
      await this.runner.stop(status.attempt);
    }
    if (decision.kind === 'retry' && status.phase === 'Running') {
      await this.jobs.save({ ...job, status: pendingAgain(status, decision) });
      this.tell(
        job,
        status,
        decision.disrupted === true ? 'disrupted' : 'retried',
        decision.endedAt,
        'Pending',
        decision.reason,
      );
      return { requeueAfterMs: Math.max(10, decision.notBefore.getTime() - now.getTime()) };
    }
    if (decision.kind === 'fail') {
      await this.steps.endings.end(job, failedFrom(status, decision.reason, decision.endedAt, now));
      this.tell(job, status, 'failed', decision.endedAt, 'Failed', decision.reason);
    } else if (decision.kind === 'cancel') {
      await this.steps.endings.end(job, cancelledFrom(status, decision.reason, now));
      this.tell(job, status, 'cancelled', now, 'Cancelled', decision.reason);
    }
    return {};
  }

  /** Metrics and the one log line of a transition; after the save. */
  private tell(
    job: Job,
    status: Open,
    result: string,
    endedAt: Date,
    phase: JobStatus['phase'],
    reason?: string,
  ): void {
    const { recipe } = job.spec;
    if (status.phase === 'Running') {
      const seconds = spentUntil(status, endedAt) - status.runnerSeconds;
      attemptsEndedTotal.inc({ recipe, result });
      attemptSeconds.observe({ recipe }, seconds);
      runnerSecondsTotal.inc({ recipe }, seconds);
    }
    if (phase !== 'Pending') jobsFinishedTotal.inc({ recipe, phase });
    log.info({ job: job.id, attempt: status.attempt.name, phase, reason }, 'job moved on');
  }
}

/** True for what the same call would meet again. */
function isRefusal(error: unknown): error is RatchetError {
  return error instanceof RatchetError && !error.retryable && error.code !== 'internal' && error.code !== 'conflict';
}
