import { failpoint, RatchetError, type Clock } from '../../../kernel/index.js';
import {
  type ClusterConnection,
  ClusterResource,
  ObjectExists,
  ObjectRefused,
  type StoredObject,
} from '../../../platform/kubernetes/index.js';
import type { AttemptObservation } from '../../domain/attempt.js';
import { AttemptRefused, RunnerUnavailable } from '../../domain/errors.js';
import type { JobAttempt } from '../../domain/job.js';
import type { ReportedArtifact, RunnerReport } from '../../domain/report.js';
import { type AttemptExchange, type AttemptNeeds, Runner } from '../../ports.js';
import { isFinished, readAttempt } from './attempt-sight.js';
import { ClusterSight } from './cluster-sight.js';
import { jobManifest, type ManifestNames, type ManifestSettings, secretManifest } from './job-manifest.js';
import { ATTEMPT, INSTALL, MANAGED_BY, objectName } from './object-names.js';
import { type JobObject, SECRETS } from './objects.js';

/** An attempt that has a machine for so long and has not begun may lack its token. */
const TOKEN_CHECK_MS = 5000;

/** What of the settings this adapter reads. */
export type KubernetesRunnerOptions = ManifestSettings & { readonly resyncMs: number };

interface Place {
  readonly install: string;
  readonly sight: ClusterSight;
}

/**
 * Runs each attempt as a Job of a Kubernetes cluster, which reads and writes through the job API. What is known of an
 * attempt is in the cluster and behind that API, nothing is in memory: the name says which Job it is, so that any control
 * plane finds what another one made.
 */
export class KubernetesRunner extends Runner {
  private place: Promise<Place> | null = null;
  private readonly secrets: ClusterResource;
  /** Attempts whose token is known to be in the cluster; only saves questions. */
  private readonly tokens = new Set<string>();

  constructor(
    private readonly connection: ClusterConnection,
    private readonly exchange: AttemptExchange,
    private readonly installation: () => Promise<string>,
    private readonly clock: Clock,
    private readonly options: KubernetesRunnerOptions,
  ) {
    super();
    this.secrets = new ClusterResource<StoredObject>(connection, SECRETS, options.namespace);
  }

  override async launch(
    attempt: JobAttempt,
    document: Readonly<Record<string, unknown>>,
    needs: AttemptNeeds,
  ): Promise<void> {
    const names = await this.namesOf(attempt);
    try {
      const { job, fresh } = await this.created(names, needs);
      if (!isFinished(job)) await this.handToken(attempt, names, job, document, fresh);
    } catch (error) {
      throw this.refused(attempt, error);
    }
  }

  override async observe(attempt: JobAttempt): Promise<AttemptObservation> {
    const names = await this.namesOf(attempt);
    const { sight } = await this.opened();
    const news = await this.exchange.news(attempt);
    const { job, pods } = await sight.of(names.name);
    const seen = readAttempt(job, pods, news, this.clock.now());
    if (seen.state !== 'waiting' || job === null) return seen;
    if (seen.waiting.kind === 'quota') {
      const reason = await sight.quotaReason(job);
      return reason === null ? seen : { ...seen, waiting: { ...seen.waiting, message: reason } };
    }
    // The control plane may have died between the Job and its token; launching again completes it.
    const waited = this.clock.now().getTime() - seen.waiting.since.getTime();
    if (seen.waiting.kind === 'starting' && waited > TOKEN_CHECK_MS && !(await this.hasToken(names, job)))
      return { state: 'absent' };
    return seen;
  }

  override report(attempt: JobAttempt): Promise<RunnerReport> {
    return this.exchange.report(attempt);
  }

  override outputPath(attempt: JobAttempt, artifact: ReportedArtifact): Promise<string> {
    return this.exchange.outputPath(attempt, artifact);
  }

  /** First its token, so that it can write nothing more; then its Job, with everything that this owns. */
  override async stop(attempt: JobAttempt): Promise<void> {
    await this.exchange.close(attempt);
    const names = await this.namesOf(attempt);
    const { sight } = await this.opened();
    try {
      const job = await sight.jobs.find(names.name);
      if (job !== null && this.isOurs(job, names)) await this.deleted(sight, job);
    } catch (error) {
      // Whatever hinders us, the attempt is not to blame: it is stopped as soon as that works again.
      throw error instanceof RatchetError && !error.retryable
        ? new RunnerUnavailable(attempt.name, error.message, { cause: error })
        : error;
    }
    this.tokens.delete(names.name);
  }

  override async sweep(known: () => Promise<ReadonlySet<string>>): Promise<string[]> {
    const { sight } = await this.opened();
    const running = (await sight.all()).filter(
      (job) => !isFinished(job) && job.metadata.deletionTimestamp === undefined,
    );
    if (running.length === 0) return [];
    const wanted = await known();
    const stopped: string[] = [];
    for (const job of running) {
      const attempt = job.metadata.annotations?.[ATTEMPT];
      // What bears our label but not our names is not ours: nobody else's work is ended by a mistaken label.
      if (attempt === undefined || wanted.has(attempt) || !this.isOurs(job, await this.namesOf({ name: attempt })))
        continue;
      await this.exchange.close({ name: attempt, number: 0 });
      await this.deleted(sight, job);
      stopped.push(attempt);
    }
    return stopped;
  }

  override clear(known: ReadonlySet<string>, before: Date): Promise<string[]> {
    return this.exchange.clear(known, before);
  }

  /** Ends the watches; what runs in the cluster goes on. */
  async onApplicationShutdown(): Promise<void> {
    const place = await this.place?.catch(() => null);
    await place?.sight.close();
  }

  private async created(
    names: ManifestNames,
    needs: AttemptNeeds,
  ): Promise<{ readonly job: JobObject; readonly fresh: boolean }> {
    const { sight } = await this.opened();
    try {
      failpoint('jobs.create-job:before');
      const job = await sight.jobs.create(jobManifest(names, needs, this.options));
      failpoint('jobs.create-job:after');
      return { job, fresh: true };
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
    }
    const job = await sight.jobs.get(names.name);
    if (!this.isOurs(job, names))
      throw new AttemptRefused(names.attempt, `the Job ${this.options.namespace}/${names.name} is somebody else's`);
    if (job.metadata.deletionTimestamp !== undefined)
      throw new RunnerUnavailable(names.attempt, 'a Job of its name is still on its way out');
    return { job, fresh: false };
  }

  /** Puts a token beside the Job, unless it has one. Nobody can read it back, so a new one is made when it is missing. */
  private async handToken(
    attempt: JobAttempt,
    names: ManifestNames,
    job: JobObject,
    document: Readonly<Record<string, unknown>>,
    fresh: boolean,
  ): Promise<void> {
    if (!fresh && (await this.hasToken(names, job))) return;
    const { token } = await this.exchange.open(attempt, document);
    const secret = secretManifest(names, this.options.namespace, job.metadata, token);
    failpoint('jobs.create-secret:before');
    try {
      await this.secrets.create(secret);
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
      // Left by a Job of the same name that is gone; its token is void.
      await this.secrets.delete(names.name);
      await this.secrets.create(secret);
    }
    failpoint('jobs.create-secret:after');
    this.tokens.add(names.name);
  }

  /** Asked by trying to make one for nothing: reading secrets is not among our rights. */
  private async hasToken(names: ManifestNames, job: JobObject): Promise<boolean> {
    if (this.tokens.has(names.name)) return true;
    try {
      await this.secrets.create(secretManifest(names, this.options.namespace, job.metadata, ''), { dryRun: true });
      return false;
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
      this.tokens.add(names.name);
      return true;
    }
  }

  private async deleted(sight: ClusterSight, job: JobObject): Promise<void> {
    if (job.metadata.deletionTimestamp !== undefined) return;
    failpoint('jobs.delete-job:before');
    await sight.jobs.delete(job.metadata.name, { uid: job.metadata.uid, propagation: 'Foreground' });
    failpoint('jobs.delete-job:after');
  }

  private isOurs(job: JobObject, names: ManifestNames): boolean {
    const { labels, annotations, name } = job.metadata;
    return (
      name === names.name &&
      labels?.[MANAGED_BY] === 'ratchet' &&
      labels[INSTALL] === names.install &&
      labels[ATTEMPT] === names.name &&
      annotations?.[ATTEMPT] === names.attempt
    );
  }

  private refused(attempt: JobAttempt, error: unknown): unknown {
    if (error instanceof ObjectRefused) return new AttemptRefused(attempt.name, error.message, { cause: error });
    // Missing rights or a missing namespace are repaired outside; the job need not begin anew for it.
    if (error instanceof RatchetError && (error.code === 'forbidden' || error.code === 'not_found'))
      return new RunnerUnavailable(attempt.name, error.message, { cause: error });
    return error;
  }

  private async namesOf(attempt: Pick<JobAttempt, 'name'>): Promise<ManifestNames> {
    const { install } = await this.opened();
    return { install, attempt: attempt.name, name: objectName(install, attempt.name) };
  }

  private opened(): Promise<Place> {
    if (this.place === null) {
      const opening = this.open();
      this.place = opening;
      opening.catch(() => {
        this.place = null;
      });
    }
    return this.place;
  }

  private async open(): Promise<Place> {
    const install = await this.installation();
    const { namespace, resyncMs } = this.options;
    return { install, sight: new ClusterSight(this.connection, namespace, install, resyncMs) };
  }
}
