import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AttemptsOnKubernetes, makeAccount, NEEDS } from './support/attempts-on-kubernetes.js';
import { installDefinitions } from './support/crds.js';
import { describeWithNode, openNamespace } from './support/kube.js';
import { giveScriptedImage } from './support/scripted-pod.js';

const KUEUE = 'kueue.x-k8s.io/v1beta2';
const placement = { nodeSelector: {}, tolerations: [], priorityClass: null, queue: 'gpus' };

/** Kueue's objects are real, its controller is played by the test: it may not fit this cluster, and is not ours to test. */
describeWithNode('attempts behind Kueue', () => {
  let place: Awaited<ReturnType<typeof openNamespace>>;
  let here: AttemptsOnKubernetes;

  beforeAll(async () => {
    place = await openNamespace('queue', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    await installDefinitions(place.cluster, 'kueue');
    await makeAccount(place.cluster, place.namespace);
    await giveScriptedImage(place.cluster);
    here = new AttemptsOnKubernetes(place.cluster, place.namespace);
  }, 240_000);
  afterAll(async () => {
    await here.close();
    await place.close();
  });

  const kubectl = (...args: string[]) => place.cluster.kubectl(['-n', place.namespace, ...args]);
  const workloadOf = (job: string, uid: string) => ({
    ...{ apiVersion: KUEUE, kind: 'Workload' },
    metadata: {
      ...{ name: `job-${job}`.slice(0, 63), namespace: place.namespace },
      labels: { 'kueue.x-k8s.io/job-uid': uid },
    },
    spec: {
      queueName: 'gpus',
      podSets: [
        {
          ...{ name: 'main', count: 1 },
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'runner', image: 'x' }] } },
        },
      ],
    },
  });
  const refusal = {
    ...{ type: 'QuotaReserved', status: 'False', reason: 'Pending', lastTransitionTime: '2026-01-01T00:00:00Z' },
    message: 'insufficient unused quota for nvidia.com/gpu in flavor h200, 1 more needed',
  };

  it('is made suspended, says what its queue says, and runs once it is let go', async () => {
    const attempt = await here.launch('queued-t1-job-a1', { placement });
    const name = here.object(attempt.name);
    const job = (await here.stored('job', name)) as { metadata: { uid: string } };
    expect(job).toMatchObject({
      ...{ metadata: { labels: { 'kueue.x-k8s.io/queue-name': 'gpus' } }, spec: { suspend: true } },
    });
    expect(await here.runner.observe(attempt)).toMatchObject({
      ...{ state: 'waiting', waiting: { kind: 'quota', message: 'its queue has not admitted it yet' } },
    });
    expect(await here.names('pods')).toEqual([]);

    const workload = workloadOf(name, job.metadata.uid);
    await place.cluster.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(workload));
    const status = JSON.stringify({ status: { conditions: [refusal] } });
    const merge = ['--subresource=status', '--type=merge', '-p', status];
    await kubectl('patch', 'workloads.kueue.x-k8s.io', workload.metadata.name, ...merge);
    const again = await here.launch('queued-t1-job-a1', { ...NEEDS, placement });
    const { waiting } = await here.seen(again, 'waiting', (seen) => seen.waiting.message === refusal.message);
    expect(waiting.kind).toBe('quota');

    await kubectl('patch', 'job', name, '--type=merge', '-p', '{"spec":{"suspend":false}}');
    await here.seen(attempt, 'running');
    // Kueue takes the machine back for somebody with more right to it: it suspends the Job, and its pod goes.
    await kubectl('patch', 'job', name, '--type=merge', '-p', '{"spec":{"suspend":true}}');
    await here.seen(attempt, 'waiting', (seen) => seen.waiting.kind === 'quota', 60);
    await here.runner.stop(attempt);
  }, 120_000);
});
