import { type ClusterConnection, ClusterResource, ResilientInformer } from '../../../platform/kubernetes/index.js';
import { ATTEMPT, installSelector } from './object-names.js';
import { type JobObject, JOBS, type PodObject, PODS, type WorkloadObject, WORKLOADS } from './objects.js';

/** A queue's reason is asked for so seldom. */
const QUOTA_MS = 10_000;

/**
 * Jobs and pods of this installation as they are watched, so that looking at an attempt costs the API server nothing. What
 * the copy does not have yet is asked for.
 */
export class ClusterSight {
  readonly jobs: ClusterResource<JobObject>;
  private readonly pods: ClusterResource<PodObject>;
  private readonly workloads: ClusterResource<WorkloadObject>;
  private readonly watched: {
    readonly jobs: ResilientInformer<JobObject>;
    readonly pods: ResilientInformer<PodObject>;
  };
  private readonly quotas = new Map<string, { readonly at: number; readonly message: string | null }>();

  constructor(
    connection: ClusterConnection,
    namespace: string,
    private readonly install: string,
    resyncMs: number,
  ) {
    this.jobs = new ClusterResource(connection, JOBS, namespace);
    this.pods = new ClusterResource(connection, PODS, namespace);
    this.workloads = new ClusterResource(connection, WORKLOADS, namespace);
    const options = { labels: installSelector(install), resyncMs };
    this.watched = {
      jobs: new ResilientInformer(this.jobs, options),
      pods: new ResilientInformer(this.pods, options),
    };
    this.watched.jobs.start();
    this.watched.pods.start();
  }

  /** The attempt's Job and pods; a Job that the copy lacks is looked for, with its pods. */
  async of(name: string): Promise<{ readonly job: JobObject | null; readonly pods: readonly PodObject[] }> {
    const known = this.watched.jobs.get(name);
    const pods = this.watched.pods.list().filter((pod) => pod.metadata.labels?.[ATTEMPT] === name);
    if (known !== null) return { job: known, pods };
    const job = await this.jobs.find(name);
    if (job === null || pods.length > 0) return { job, pods };
    return { job, pods: (await this.pods.list({ labels: `${ATTEMPT}=${name}` })).items };
  }

  /** Every Job of this installation, asked for and not remembered. */
  async all(): Promise<JobObject[]> {
    return (await this.jobs.list({ labels: installSelector(this.install) })).items;
  }

  /** Why Kueue has not admitted a suspended Job, in its words; null when it says nothing or may not be asked. */
  async quotaReason(job: JobObject): Promise<string | null> {
    const { uid } = job.metadata;
    const known = this.quotas.get(uid);
    if (known !== undefined && performance.now() - known.at < QUOTA_MS) return known.message;
    const message = await this.askQueue(uid);
    if (this.quotas.size > 10_000) this.quotas.clear();
    this.quotas.set(uid, { at: performance.now(), message });
    return message;
  }

  async close(): Promise<void> {
    await Promise.all([this.watched.jobs.stop(), this.watched.pods.stop()]);
  }

  private async askQueue(uid: string): Promise<string | null> {
    try {
      const { items } = await this.workloads.list({ labels: `kueue.x-k8s.io/job-uid=${uid}` });
      const conditions = items.flatMap((workload) => workload.status?.conditions ?? []);
      const refusal = conditions.find(({ type, status }) => type === 'QuotaReserved' && status === 'False');
      return refusal?.message ?? null;
    } catch {
      // No Kueue, or no right to read its objects: the wait itself is seen without it.
      return null;
    }
  }
}
