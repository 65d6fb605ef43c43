import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { PERSISTENCE } from '../src/app/stages.js';
import { PostgresCandidateStore } from '../src/candidates/adapters/postgres/postgres-candidate-store.js';
import { evaluationOf, pendingCandidate } from '../src/candidates/testing/candidates.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';
import { setLogLevel } from '../src/platform/observability/index.js';
import { PostgresRolloutStore } from '../src/rollouts/adapters/postgres/rollout-store.js';
import { ANNOTATION, type Rollout } from '../src/rollouts/index.js';
import { aRollout, CANDIDATE, CHAMPION, GATE, progressing } from '../src/rollouts/testing/index.js';
import { ProgramUnderTest } from './support/program-under-test.js';
import { describeWithKubernetes } from './support/kube.js';
import { anHttpRoute, openRouteBench, ref, type RouteBench } from './support/route-bench.js';
import { type HttpRoute, SplittingProxy } from './support/splitting-proxy.js';
import { until } from './support/until.js';

const WEIGHTS = [10, 25, 50];
const CONFIRM_SECONDS = 5;
/** What the guardian may take beyond the lease: one resync, a look, and a busy machine. */
const GRACE_SECONDS = 8;

/** A rollout stands at each of its steps; then every process of the control plane is killed. */
describeWithKubernetes('without a control plane', () => {
  let bench: RouteBench;
  let database: TestDatabase;
  let rollouts: PostgresRolloutStore;
  let folder: string;
  const programs: ProgramUnderTest[] = [];
  const proxies: SplittingProxy[] = [];

  beforeAll(async () => {
    setLogLevel('silent');
    folder = await mkdtemp(join(tmpdir(), 'ratchet-guarded-'));
    [bench, database] = await Promise.all([openRouteBench('guarded', 'http-route'), openTestDatabase(PERSISTENCE)]);
    rollouts = new PostgresRolloutStore(database.db);
    for (const step of WEIGHTS.keys()) await seed(step);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.kill()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await database.close();
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A model of its own whose rollout is at this step: champion, candidate, route and gateway. */
  async function seed(step: number): Promise<void> {
    const model = `model${step}`;
    const kind = bench.of('http-route');
    await kind.create(anHttpRoute(model, [{ backendRefs: [ref('stable'), ref('candidate', { weight: 0 })] }]));
    proxies.push(await SplittingProxy.open(bench.connection, bench.namespace, model, new Map()));
    await database.db.query(
      `INSERT INTO models.champion_period (model, number, champion, reference, since, profile)
       VALUES ($1, 1, $2, $2, now(), $3)`,
      [model, CHAMPION, { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null }],
    );
    const accepted = { phase: 'Accepted', evaluation: evaluationOf() } as const;
    const candidate = { ...pendingCandidate({ trigger: null }, `${model}-c`), model, status: accepted };
    await new PostgresCandidateStore(database.db).save(candidate);
    const target = {
      ...({ kind: 'http-route', namespace: bench.namespace, name: model, rule: null, servedBy: 'others' } as const),
      stable: { name: 'stable', port: null },
      candidate: { name: 'candidate', port: 80 },
    } as const;
    const steps = WEIGHTS.map((weight) => ({ weight, holdSeconds: 600, gates: [GATE] }));
    const policy = { steps, target, blindSeconds: 900, undecidedSeconds: 900, confirmSeconds: CONFIRM_SECONDS };
    const now = new Date();
    const base = aRollout(progressing({ step, inForceSince: null, stepSince: now }), policy);
    const spec = { ...base.spec, candidate: candidate.id, candidateVersion: CANDIDATE, champion: CHAMPION };
    await rollouts.save({ ...base, id: `${candidate.id}-r`, model, spec, createdAt: now, updatedAt: now });
  }

  const start = (entry: string, environment: Record<string, string>): ProgramUnderTest => {
    const program = new ProgramUnderTest(entry, { KUBECONFIG: bench.cluster.kubeconfig, ...environment });
    programs.push(program);
    return program;
  };
  const startControl = () =>
    start('main.js', {
      DATABASE_URL: database.url,
      RATCHET_ROLES: 'control',
      RATCHET_HTTP_PORT: '0',
      RATCHET_MODELS_ARTIFACT_FOLDER: join(folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(folder, 'jobs'),
    });
  const weights = async (step: number): Promise<number[]> => {
    const route: HttpRoute = await bench.of<HttpRoute>('http-route').get(`model${step}`);
    return route.spec.rules![0]!.backendRefs!.map(({ weight = 1 }) => weight);
  };
  const allWeights = () => Promise.all([...WEIGHTS.keys()].map(weights));
  const all = (): Promise<Rollout[]> =>
    Promise.all([...WEIGHTS.keys()].map((step) => rollouts.require(`model${step}-c-r`)));

  it('the guardian gives the traffic of each step back by the deadline, alone; the control plane then ends the rollouts', async () => {
    const guardian = start('guardian-main.js', {
      RATCHET_GUARDIAN_NAMESPACES: bench.namespace,
      RATCHET_GUARDIAN_RESYNC_SECONDS: '2',
      RATCHET_GUARDIAN_PORT: '0',
    });
    await guardian.says(/the guardian watches/);
    const control = startControl();
    const split = WEIGHTS.map((weight) => [100 - weight, weight]);
    const state = () => ({ control: control.lastLines(), guardian: guardian.lastLines() });
    await until(
      'every step in force',
      async () => {
        const inForce = (await all()).every(
          ({ status }) => status.phase === 'Progressing' && status.inForceSince !== null,
        );
        return inForce && JSON.stringify(await allWeights()) === JSON.stringify(split) ? true : null;
      },
      90,
      state,
    );
    // Confirmed for longer than a lease lasts: only the control plane keeps it.
    await new Promise((resolve) => setTimeout(resolve, CONFIRM_SECONDS * 1_000 + 1_000));
    expect(await allWeights()).toEqual(split);

    await control.kill();
    const killedAt = Date.now();
    await until(
      'every route at 100/0',
      async () => ((await allWeights()).every(([, candidate]) => candidate === 0) ? true : null),
      CONFIRM_SECONDS + GRACE_SECONDS,
      state,
    );
    expect(await allWeights()).toEqual(WEIGHTS.map(() => [100, 0]));
    expect(Date.now() - killedAt).toBeLessThan((CONFIRM_SECONDS + GRACE_SECONDS) * 1_000);
    expect((await all()).map(({ status }) => status.phase)).toEqual(['Progressing', 'Progressing', 'Progressing']);

    const again = startControl();
    const ended = await until(
      'every rollout ended',
      async () => {
        const found = await all();
        return found.every(({ status }) => status.phase === 'RolledBack') ? found : null;
      },
      90,
      () => again.lastLines(),
    );
    for (const { status } of ended)
      expect(status).toMatchObject({ phase: 'RolledBack', cause: 'confirm-timeout', charged: false });
    expect(await allWeights()).toEqual(WEIGHTS.map(() => [100, 0]));
    await until('no mark of ours on any route', async () => {
      const routes = await Promise.all([...WEIGHTS.keys()].map((step) => bench.of('http-route').get(`model${step}`)));
      return routes.every(({ metadata }) => metadata.annotations?.[ANNOTATION.rollout] === undefined) ? true : null;
    });
  }, 240_000);
});
