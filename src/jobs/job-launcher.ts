import { type Clock, RatchetError, type UnitOfWork } from '../kernel/index.js';
import type { ArtifactStore, ModelStore } from '../models/index.js';
import type { SampleStore, Snapshot } from '../telemetry/index.js';
import { type Occupancy, obstacleToStart } from './domain/admission.js';
import { jobDocument, REPLAY_ROWS } from './domain/job-document.js';
import { runningFrom } from './domain/job-status.js';
import type { Job, JobStatus, JobWaiting } from './domain/job.js';
import type { JobStore, Runner } from './ports.js';
import type { JobsSettings } from './settings.js';

type Pending = Extract<JobStatus, { phase: 'Pending' }>;

/** What came of trying to start a pending job. */
export type Launch =
  | { readonly kind: 'started'; readonly job: Job }
  /** All slots or GPUs are taken, or there are too few samples yet. */
  | { readonly kind: 'later'; readonly waiting: Pick<JobWaiting, 'kind' | 'message'>; readonly job: Job }
  | { readonly kind: 'impossible'; readonly reason: string };

/**
 * Starts attempts. Three saves, each repeatable: the frozen data, then `Running` (the intent), then the start itself,
 * which an attempt's name makes idempotent.
 */
export class JobLauncher {
  constructor(
    private readonly ports: {
      readonly jobs: JobStore;
      readonly runner: Runner;
      readonly samples: SampleStore;
      readonly artifacts: ArtifactStore;
      readonly models: ModelStore;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
    private readonly settings: Pick<JobsSettings, 'maxConcurrent' | 'maxGpus' | 'sampleWaitSeconds'>,
  ) {}

  async launch(job: Job, pending: Pending): Promise<Launch> {
    const { jobs } = this.ports;
    // Freezing the data early would make them old by the time the job runs.
    const early = this.obstacle(job, await jobs.occupancy(job));
    if (early !== null) return early;
    const frozen = await this.freeze(job, pending);
    if ('kind' in frozen) return frozen;
    const admission = await this.admit(frozen.job, pending, frozen.snapshot);
    if (admission.kind === 'started') await this.start(admission.job);
    return admission;
  }

  /** Starts the attempt of a running job; a no-op when it runs or has run. */
  async start(job: Job): Promise<void> {
    const { artifacts, models, runner } = this.ports;
    if (job.status.phase !== 'Running') return;
    const { train } = job.status.snapshot;
    const model = await models.require(job.model);
    const paths = {
      reference: await artifacts.verifiedPath(job.spec.reference),
      champion: await artifacts.verifiedPath(job.spec.champion),
      train: await artifacts.verifiedPath(train.digest),
    };
    const { gpus = 0, placement = null, wallSeconds, maxRssBytes, threads } = job.spec;
    const needs = { model: job.model, gpus, placement, wallSeconds, maxRssBytes, threads };
    await runner.launch(job.status.attempt, jobDocument(job, job.status.attempt, model.spec, train, paths), needs);
  }

  private obstacle(job: Job, taken: Occupancy): Launch | null {
    const obstacle = obstacleToStart(job, taken, this.settings);
    if (obstacle === null) return null;
    const { kind, message } = obstacle;
    return kind === 'never'
      ? { kind: 'impossible', reason: message }
      : { kind: 'later', waiting: { kind, message }, job };
  }

  private async freeze(
    job: Job,
    pending: Pending,
  ): Promise<Launch | { readonly job: Job; readonly snapshot: Snapshot }> {
    if (pending.snapshot !== null) return { job, snapshot: pending.snapshot };
    const { jobs, samples, clock } = this.ports;
    const { freshSince, recipe } = job.spec;
    try {
      const snapshot = await samples.snapshot(job.model, {
        since: freshSince ?? new Date(0),
        replay: freshSince === null ? 0 : REPLAY_ROWS[recipe],
      });
      return { job: await jobs.save({ ...job, status: { ...pending, snapshot } }), snapshot };
    } catch (error) {
      if (!(error instanceof RatchetError) || error.code !== 'unprocessable') throw error;
      const waited = (clock.now().getTime() - job.createdAt.getTime()) / 1000;
      return waited > this.settings.sampleWaitSeconds
        ? { kind: 'impossible', reason: error.message }
        : { kind: 'later', waiting: { kind: 'samples', message: error.message }, job };
    }
  }

  private admit(job: Job, pending: Pending, snapshot: Snapshot): Promise<Launch> {
    const { jobs, unitOfWork, clock } = this.ports;
    return unitOfWork.run('jobs.admit', async () => {
      await jobs.lockAdmission();
      const obstacle = this.obstacle(job, await jobs.occupancy(job));
      if (obstacle !== null) return obstacle;
      const status = runningFrom(pending, snapshot, clock.now());
      return { kind: 'started', job: await jobs.save({ ...job, status }) };
    });
  }
}
