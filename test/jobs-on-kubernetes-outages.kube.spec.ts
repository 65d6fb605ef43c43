import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { AttemptsOnKubernetes, makeAccount, NEEDS } from './support/attempts-on-kubernetes.js';
import { type Cluster, describeWithKubernetes, describeWithNode, openNamespace } from './support/kube.js';
import { startCluster } from '../scripts/kube/cluster.mjs';
import { giveScriptedImage } from './support/scripted-pod.js';
import { until } from './support/until.js';

const AWAY_MS = 30_000;

describeWithKubernetes('attempts while the API server is away', () => {
  let cluster: Cluster;
  let here: AttemptsOnKubernetes;

  beforeAll(async () => {
    // One of our own: others use the shared one.
    const before = process.env['KUBE_PORT'];
    process.env['KUBE_PORT'] = '17443';
    try {
      cluster = await startCluster();
    } finally {
      if (before === undefined) delete process.env['KUBE_PORT'];
      else process.env['KUBE_PORT'] = before;
    }
    await cluster.kubectl(['create', 'namespace', 'away']);
    here = new AttemptsOnKubernetes(cluster, 'away');
  }, 240_000);
  afterAll(async () => {
    await here.close();
    await cluster.stop();
  }, 60_000);

  it('makes no Job twice, goes on with what it knows, ends orphans afterwards, and its watches recover', async () => {
    if (cluster.stopPart === undefined) throw new Error('a cluster of our own has parts to stop');
    const known = await here.launch('known-t1-job-a1');
    await here.launch('lost-t1-job-a1');
    await here.seen(known, 'waiting');
    const start = await cluster.stopPart('apiserver');
    const stopped = performance.now();
    const launching = () => here.runner.launch({ number: 1, name: 'new-t1-job-a1' }, {}, NEEDS);
    const failures: unknown[] = [];
    // What is watched is known; what is not has to wait, and says so in an error that is tried again.
    while (performance.now() - stopped < AWAY_MS) {
      expect((await here.runner.observe(known)).state).toBe('waiting');
      await launching().catch((error: unknown) => failures.push(error));
      await expect(here.runner.sweep(async () => new Set([known.name]))).rejects.toMatchObject({ retryable: true });
      await pause(1000);
    }
    await start();
    const back = performance.now();
    expect(failures.length).toBeGreaterThan(3);
    expect(failures.every((error) => (error as { retryable?: boolean }).retryable === true)).toBe(true);
    await until(
      'launch after the outage',
      () =>
        launching().then(
          () => true,
          () => null,
        ),
      60,
    );
    await until('sweep after the outage', async () => {
      const swept = await here.runner
        .sweep(async () => new Set([known.name, 'new-t1-job-a1']))
        .catch((): string[] => []);
      return swept.includes('lost-t1-job-a1') ? true : null;
    });
    // Without a word from us: only a watch that recovered can know of it.
    const name = here.object(known.name);
    await cluster.kubectl(['-n', 'away', 'delete', 'job', name, '--wait=false', '--cascade=foreground']);
    await until(
      'the end of the Job, by watch',
      async () => {
        const { state } = await here.runner.observe(known);
        return state === 'absent' || state === 'exited' ? true : null;
      },
      60,
    );
    const of = async (attempt: string) => (await here.names('jobs')).filter((job) => job.includes(attempt));
    await until('no orphan', async () => ((await of('lost-t1-job-a1')).length === 0 ? true : null), 85);
    expect(await of('new-t1-job-a1')).toHaveLength(1);
    expect(performance.now() - back).toBeLessThan(90_000);
  }, 180_000);
});

describeWithNode('attempts while the kubelet is away', () => {
  let place: Awaited<ReturnType<typeof openNamespace>>;
  let here: AttemptsOnKubernetes;

  beforeAll(async () => {
    place = await openNamespace('kubelet', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    await makeAccount(place.cluster, place.namespace);
    await giveScriptedImage(place.cluster);
    here = new AttemptsOnKubernetes(place.cluster, place.namespace);
  }, 240_000);
  afterAll(async () => {
    await here.close();
    await place.close();
  });

  it('what runs goes on, what is new waits for it, and what is ended ends when it is back', async () => {
    if (place.cluster.suspendPart === undefined) throw new Error('a cluster with a node of ours has a kubelet');
    const running = await here.launch('running-t1-job-a1');
    await here.seen(running, 'running');
    const wake = await place.cluster.suspendPart('kubelet');
    const waiting = { number: 1, name: 'waiting-t1-job-a1' };
    try {
      await here.launch(waiting.name);
      await here.seen(waiting, 'waiting', (seen) => seen.waiting.kind !== 'capacity' || seen.waiting.message !== '');
      expect((await here.runner.observe(running)).state).toBe('running');
      await here.runner.stop(running);
      await pause(3000);
      expect(await here.names('pods')).toHaveLength(2);
    } finally {
      await wake();
    }
    await here.seen(waiting, 'running');
    await until('the end of the stopped one', async () => ((await here.names('pods')).length === 1 ? true : null), 60);
    await here.runner.stop(waiting);
  }, 120_000);
});
