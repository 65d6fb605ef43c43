import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AttemptRefused, type JobAttempt } from '../src/jobs/index.js';
import { AttemptsOnKubernetes, makeAccount } from './support/attempts-on-kubernetes.js';
import { describeWithNode, openNamespace } from './support/kube.js';
import { giveScriptedImage } from './support/scripted-pod.js';
import { until } from './support/until.js';

const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

describeWithNode('attempts as Jobs of a real cluster', () => {
  let place: Awaited<ReturnType<typeof openNamespace>>;
  let here: AttemptsOnKubernetes;

  beforeAll(async () => {
    place = await openNamespace('jobs', RESTRICTED);
    await makeAccount(place.cluster, place.namespace);
    await giveScriptedImage(place.cluster);
    here = new AttemptsOnKubernetes(place.cluster, place.namespace);
  }, 240_000);
  afterAll(async () => {
    await here.close();
    await place.close();
  });

  it('runs under Pod Security "restricted", with its token as a file and nothing of it elsewhere', async () => {
    const attempt = await here.launch('digits-t1-job-a1');
    const running = await here.seen(attempt, 'running');
    expect(running.startedAt).toEqual(running.heartbeatAt);
    const pod = JSON.stringify(await here.stored('pod', await here.pod(attempt.name)));
    expect(JSON.parse(pod)).toMatchObject({
      spec: {
        ...{ automountServiceAccountToken: false, serviceAccountName: 'ratchet-runner', restartPolicy: 'Never' },
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            securityContext: {
              ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
              capabilities: { drop: ['ALL'] },
            },
          },
        ],
      },
    });
    expect(pod).not.toContain('token 1 of');
    expect(pod).not.toContain('kube-api-access');
    const secret = await here.stored('secret', here.object(attempt.name));
    const job = await here.stored('job', here.object(attempt.name));
    const { uid } = job['metadata'] as { uid: string };
    expect(secret).toMatchObject({ metadata: { ownerReferences: [{ kind: 'Job', uid }] } });
    expect(job).toMatchObject({
      spec: { backoffLimit: 0, ttlSecondsAfterFinished: 3600, activeDeadlineSeconds: 86_400 + 900 + 300 + 60 },
    });
    await here.runner.stop(attempt);
    await until('end of the Job and its token', async () => {
      const left = [...(await here.names('jobs')), ...(await here.names('pods')), ...(await here.names('secrets'))];
      return left.some((name) => name.includes(here.object(attempt.name))) ? null : true;
    });
    expect(here.exchange.closed).toContain(attempt.name);
    await here.runner.stop(attempt);
  });

  it('launching again adopts what is ours, and refuses what is not', async () => {
    const attempt = await here.launch('again-t1-job-a1');
    await here.launch('again-t1-job-a1');
    const another = new AttemptsOnKubernetes(place.cluster, place.namespace);
    await another.launch('again-t1-job-a1');
    expect(here.exchange.opened.filter((name) => name === attempt.name)).toHaveLength(1);
    expect(another.exchange.opened).toEqual([]);
    await another.close();
    await here.runner.stop(attempt);

    const foreign = here.object('foreign-t1-job-a1');
    const image = ['--image', 'ratchet.test/none:1', '--dry-run=client', '-o', 'json'];
    const template = JSON.parse(await place.cluster.kubectl(['create', 'job', foreign, ...image])) as {
      spec: { suspend?: boolean };
    };
    template.spec.suspend = true;
    const container = (template.spec as unknown as { template: { spec: Record<string, unknown> } }).template.spec;
    container['restartPolicy'] = 'Never';
    await place.cluster.kubectl(['-n', place.namespace, 'create', '-f', '-'], JSON.stringify(template));
    await expect(here.launch('foreign-t1-job-a1')).rejects.toThrow(AttemptRefused);
    await here.runner.stop({ number: 1, name: 'foreign-t1-job-a1' });
    expect(await here.names('jobs')).toContain(`job.batch/${foreign}`);
  });

  it.each([
    ['a refusal', 'fails-exit3-a1', { exitCode: 3, signal: null }],
    ['an end without a word', 'mute-exit0-a1', { exitCode: null, error: 'it ended without telling how' }],
    ['too much memory', 'all-eats-a1', { cause: 'out-of-memory' }],
  ])(
    'sees %s',
    async (_name, name, expected) => {
      const attempt = await here.launch(name);
      expect(await here.seen(attempt, 'exited')).toMatchObject(expected);
      await here.runner.stop(attempt);
    },
    60_000,
  );

  it('an image that is not there is said, not waited for in silence', async () => {
    const elsewhere = new AttemptsOnKubernetes(place.cluster, place.namespace, 'here', {
      image: 'ratchet.test/none:1',
    });
    const attempt = await elsewhere.launch('imageless-t1-job-a1');
    const { waiting } = await elsewhere.seen(attempt, 'waiting', (seen) => seen.waiting.kind === 'image');
    expect(waiting.message).toMatch(/ErrImageNeverPull.*ratchet\.test\/none:1/);
    await elsewhere.runner.stop(attempt);
    await elsewhere.close();
  });

  it('of three jobs that want a GPU each two run, the third says what it waits for and goes on when one ends', async () => {
    const names = ['one', 'two', 'three'].map((name) => `gpu-${name}-a1`);
    const attempts: JobAttempt[] = [];
    for (const name of names) attempts.push(await here.launch(name, { gpus: 1 }));
    const states = async () => {
      const seen = await Promise.all(attempts.map((attempt) => here.runner.observe(attempt)));
      return seen.map((each) => (each.state === 'waiting' ? each.waiting.kind : each.state)).sort();
    };
    await until(
      'two that run and one that waits',
      async () => ((await states()).join() === 'capacity,running,running' ? true : null),
      60,
      states,
    );
    const seen = await Promise.all(attempts.map((attempt) => here.runner.observe(attempt)));
    const third = seen.findIndex((each) => each.state === 'waiting');
    expect(seen[third]).toMatchObject({ waiting: { message: expect.stringContaining('nvidia.com/gpu') } });
    await here.runner.stop(attempts[(third + 1) % 3]!);
    await here.seen(attempts[third]!, 'running');
    for (const attempt of attempts) await here.runner.stop(attempt);
  }, 120_000);

  it('a pod that is killed ended badly; one that is evicted was disrupted', async () => {
    const killed = await here.launch('killed-t1-job-a1');
    const evicted = await here.launch('evicted-t1-job-a1');
    await here.seen(killed, 'running');
    await here.seen(evicted, 'running');
    const [pod, other] = [await here.pod(killed.name), await here.pod(evicted.name)];
    await place.cluster.kubectl(['-n', place.namespace, 'delete', 'pod', pod, '--grace-period=1', '--wait=false']);
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: other, namespace: place.namespace },
    };
    const path = `/api/v1/namespaces/${place.namespace}/pods/${other}/eviction`;
    await place.cluster.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
    expect(await here.seen(evicted, 'exited')).toMatchObject({ cause: 'disrupted' });
    const end = await here.seen(killed, 'exited');
    expect(end.cause).toBeUndefined();
    await until('no pod of the evicted one', async () => ((await here.pod(evicted.name)) === '' ? true : null), 60);
    expect(await here.runner.observe(evicted)).toMatchObject({ state: 'exited', cause: 'disrupted' });
    for (const attempt of [killed, evicted]) await here.runner.stop(attempt);
  }, 120_000);

  it('a control plane that dies between the Job and its token leaves nothing that hangs', async () => {
    const mortal = new AttemptsOnKubernetes(place.cluster, place.namespace);
    mortal.exchange.openError = new Error('killed here');
    await expect(mortal.launch('halved-t1-job-a1')).rejects.toThrow('killed here');
    await mortal.close();
    const attempt = { number: 1, name: 'halved-t1-job-a1' };
    await here.seen(attempt, 'absent');
    await here.launch(attempt.name);
    await here.seen(attempt, 'running', () => true, 60);
    await here.runner.stop(attempt);
  }, 90_000);

  it('the sweep ends what no job knows, and nothing of another installation', async () => {
    const there = new AttemptsOnKubernetes(place.cluster, place.namespace, 'there');
    const known = await here.launch('known-t1-job-a1');
    await here.launch('lost-t1-job-a1');
    const neighbour = await there.launch('lost-t1-job-a1');
    expect(await here.runner.sweep(async () => new Set([known.name]))).toEqual(['lost-t1-job-a1']);
    expect(await here.runner.sweep(async () => new Set([known.name]))).toEqual([]);
    await here.seen(known, 'running');
    await there.seen(neighbour, 'running');
    expect(here.exchange.closed).toContain('lost-t1-job-a1');
    await here.runner.stop(known);
    await there.runner.stop(neighbour);
    await there.close();
  }, 60_000);
});
