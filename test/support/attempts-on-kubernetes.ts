import { jobsSettings } from '../../src/jobs/settings.js';
import { KubernetesRunner } from '../../src/jobs/adapters/kubernetes/kubernetes-runner.js';
import { objectName } from '../../src/jobs/adapters/kubernetes/object-names.js';
import type { AttemptNeeds, AttemptObservation, JobAttempt } from '../../src/jobs/index.js';
import { FakeAttemptExchange } from '../../src/jobs/testing/fakes.js';
import { ClusterConnection } from '../../src/platform/kubernetes/index.js';
import { SystemClock } from '../../src/platform/runtime/index.js';
import type { Cluster } from './kube.js';
import { SCRIPTED_IMAGE } from './scripted-pod.js';
import { until } from './until.js';

export const NEEDS: AttemptNeeds = {
  ...{ model: 'digits', gpus: 0, placement: null, wallSeconds: 300, maxRssBytes: 32_000_000, threads: 1 },
};

type Observed<State extends AttemptObservation['state']> = Extract<AttemptObservation, { state: State }>;

/** The Kubernetes runner on a namespace of a test's own, and questions about it. */
export class AttemptsOnKubernetes {
  readonly exchange = new FakeAttemptExchange();
  readonly connection: ClusterConnection;
  readonly runner: KubernetesRunner;

  constructor(
    readonly cluster: Cluster,
    readonly namespace: string,
    readonly install = 'here',
    over: Readonly<Record<string, unknown>> = {},
  ) {
    this.connection = new ClusterConnection({ kubeconfig: cluster.kubeconfig, requestTimeoutMs: 5000 });
    const settings = jobsSettings.schema.parse({
      ...{
        runner: 'kubernetes',
        namespace,
        image: SCRIPTED_IMAGE,
        imagePullPolicy: 'Never',
        apiUrl: 'http://10.244.0.1:9',
      },
      ...over,
    });
    const options = { ...settings, resyncMs: 30_000 };
    this.runner = new KubernetesRunner(this.connection, this.exchange, async () => install, new SystemClock(), options);
  }

  /** Launches an attempt of this name. */
  async launch(name: string, needs: Partial<AttemptNeeds> = {}): Promise<JobAttempt> {
    const attempt = { number: 1, name };
    await this.runner.launch(attempt, {}, { ...NEEDS, ...needs });
    return attempt;
  }

  /** Looks until the attempt is in that state, and for what it waits in that one. */
  seen<State extends AttemptObservation['state']>(
    attempt: JobAttempt,
    state: State,
    check: (observation: Observed<State>) => boolean = () => true,
    seconds = 40,
  ): Promise<Observed<State>> {
    const fits = (seen: AttemptObservation): seen is Observed<State> =>
      seen.state === state && check(seen as Observed<State>);
    return until(
      `${attempt.name} that is ${state}`,
      async () => {
        const seen = await this.runner.observe(attempt);
        return fits(seen) ? seen : null;
      },
      seconds,
      () => this.runner.observe(attempt),
    );
  }

  object(attempt: string): string {
    return objectName(this.install, attempt);
  }

  /** The stored object as JSON. */
  async stored(kind: string, name: string): Promise<Record<string, unknown>> {
    const text = await this.cluster.kubectl(['-n', this.namespace, 'get', kind, name, '-o', 'json']);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Names of what is there of a kind. */
  async names(kind: string): Promise<string[]> {
    const text = await this.cluster.kubectl(['-n', this.namespace, 'get', kind, '-o', 'name']);
    return text.split('\n').filter((line) => line !== '');
  }

  /** The pod of an attempt. */
  async pod(attempt: string): Promise<string> {
    const selector = `ratchet.dev/attempt=${this.object(attempt)}`;
    const text = await this.cluster.kubectl(['-n', this.namespace, 'get', 'pods', '-l', selector, '-o', 'name']);
    return text.trim().replace('pod/', '');
  }

  async close(): Promise<void> {
    await this.runner.onApplicationShutdown();
    await this.connection.close();
  }
}

/** The account that pods run under. */
export async function makeAccount(cluster: Cluster, namespace: string): Promise<void> {
  await cluster.kubectl(['-n', namespace, 'create', 'serviceaccount', 'ratchet-runner']);
}
