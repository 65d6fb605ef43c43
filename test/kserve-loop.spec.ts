import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { KServeDouble, post, rebased, recordedLabels, recording, renamed } from './support/kserve.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';
import { describeWith } from './support/services.js';

const ROOT = join(import.meta.dirname, '..');
const EXAMPLE = join(ROOT, 'examples/breast-cancer');
const PYTHON = join(ROOT, '.venv/bin/python');
const MODEL = 'clinic';
const PATH = `/api/v1/telemetry/cloudevents/${MODEL}`;

type Json = Record<string, unknown>;
interface Window {
  readonly version: string;
  readonly requests: number;
  readonly labelled: number;
  readonly latencyMs: { readonly p50: number | null };
}

/**
 * What KServe's logger sends is enough to notice, to compress and to judge. What it cannot give is the candidate's answer
 * to the same request: for the experiment the recorded requests are asked of the gateway, which mirrors them. Weights on
 * KServe's own data plane are not moved here: a double with a canary logs as KServe does.
 */
describeWith('python-runner')("a recording of KServe's logger", () => {
  let app: WholeApp;
  let reference: string;
  const events = recording();

  beforeAll(async () => {
    app = await startWholeApp(() => ({
      RATCHET_JOBS_PYTHON: PYTHON,
      RATCHET_TELEMETRY_HALF_WAIT_SECONDS: '5',
      RATCHET_TELEMETRY_SWEEP_SECONDS: '1',
    }));
    const file = join(app.folder, 'reference.onnx');
    const train = [join(EXAMPLE, 'train.py'), '--output', file];
    const { stdout } = await promisify(execFile)(PYTHON, train, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    const { accuracy, samples } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>;
    reference = await app.upload(await readFile(file));
    const document = parse(await readFile(join(EXAMPLE, 'model.yaml'), 'utf8')) as { spec: Json };
    const spec = {
      ...document.spec,
      reference: { digest: reference, evaluation: { accuracy, samples } },
      telemetry: { ...(document.spec['telemetry'] as Json), windowSeconds: 1 },
      rollout: {
        steps: [
          {
            weight: 25,
            holdSeconds: 1,
            gates: [
              { kind: 'error-ratio', max: 0.05, minimumSamples: 30 },
              { kind: 'latency-p95', maxMs: 500, minimumSamples: 30 },
            ],
          },
        ],
        ...{ blindSeconds: 60, undecidedSeconds: 120, confirmSeconds: 30 },
      },
      promotion: { approval: 'auto' },
    };
    const applied = await app.call('PUT', `/api/v1/models/${MODEL}`, { ...document, metadata: { name: MODEL }, spec });
    expect(applied).toMatchObject({ status: 200 });
  }, 60_000);
  afterAll(() => app.close());

  const get = async (path: string): Promise<Json> => (await app.call('GET', `/api/v1/${path}`)).body;
  const items = async <Item = Json>(path: string): Promise<Item[]> => (await get(path))['items'] as Item[];
  const newest = async (kind: string): Promise<Json | null> => (await items(`models/${MODEL}/${kind}`))[0] ?? null;
  const stands = async () =>
    Promise.all(['decisions', 'jobs', 'candidates', 'experiments', 'rollouts', 'records'].map(newest));
  const counted = async (version: string): Promise<number> =>
    (await items<Window>(`models/${MODEL}/windows?version=${version}`)).reduce(
      (sum, { requests }) => sum + requests,
      0,
    );
  const phaseOf = (thing: Json | null): unknown => (thing?.['status'] as Json | undefined)?.['phase'];

  async function replay(round: string): Promise<void> {
    const statuses = await post(app, PATH, rebased(events, new Date(), round));
    expect(statuses.every((status) => status === 200)).toBe(true);
    const labels = recordedLabels().map(({ requestId, label }) => ({ requestId: renamed(requestId, round), label }));
    expect((await app.call('POST', `/api/v1/models/${MODEL}/labels`, { labels })).status).toBe(202);
  }

  it('counts every inference once, with latency where times were sent, and keeps the garbage', async () => {
    await replay('a');
    await until(
      'windows of all inferences',
      async () => ((await counted(reference)) === 110 ? true : null),
      20,
      async () => [await counted(reference), await items('telemetry/dead-letters')],
    );
    const windows = await items<Window>(`models/${MODEL}/windows`);
    expect(windows.reduce((sum, { labelled }) => sum + labelled, 0)).toBe(110);
    expect(windows.some(({ latencyMs }) => latencyMs.p50 !== null && latencyMs.p50 > 1 && latencyMs.p50 < 7)).toBe(
      true,
    );
    expect(await items(`telemetry/dead-letters?model=${MODEL}`)).toEqual([]);
    const [garbage, ...more] = await items('telemetry/dead-letters');
    expect(more).toEqual([]);
    expect(garbage).toMatchObject({
      ...{ topic: 'in-process', partition: 0, offset: expect.any(Number), format: 'cloudevents' },
      reason: { class: 'not-json', detail: 'is not JSON' },
      head: '{"inputs": [{"name": "measurements", "sha',
    });
  }, 60_000);

  it('leads to a trigger, a job and a candidate', async () => {
    for (const round of ['b', 'c', 'd']) await replay(round);
    const candidate = async () => ((await newest('candidates')) === null ? null : newest('candidates'));
    await until('candidate', candidate, 60, stands);
    expect(await newest('triggers')).toMatchObject({ spec: { cause: 'no-compressed-champion' } });
    expect(await newest('jobs')).toMatchObject({ status: { phase: 'Succeeded' } });
  }, 90_000);

  it('closes the loop: the candidate is proven, rolled out, promoted, and named by what is logged next', async () => {
    const rows = requestRows();
    // The recorded requests once more, through the gateway: its mirror gives the pairs.
    const ask = (row: readonly number[]) =>
      app.call('POST', `/v2/models/${MODEL}/infer`, {
        id: randomUUID(),
        inputs: [{ name: 'measurements', datatype: 'FP32', shape: [1, 30], data: row }],
      });
    await until(
      'rollout',
      async () => {
        await Promise.all(rows.slice(0, 50).map(ask));
        const experiment = await newest('experiments');
        if (phaseOf(experiment) === 'Concluded') expect(experiment).toMatchObject({ status: { verdict: 'PASS' } });
        return newest('rollouts');
      },
      90,
      stands,
    );
    const { candidateVersion } = (await newest('rollouts'))?.['spec'] as { candidateVersion: string };

    // The step's evidence comes from the canary of a data plane that only logs.
    const kserve = await KServeDouble.start(artifactFile(app, reference), artifactFile(app, candidateVersion));
    try {
      await until(
        'promotion',
        async () => {
          const logged = await Promise.all(rows.slice(0, 40).map((row) => kserve.infer(randomUUID(), row, 0.25)));
          await post(app, PATH, logged.flat());
          return (await newest('records')) ?? null;
        },
        90,
        stands,
      );
    } finally {
      await kserve.close();
    }
    expect(await newest('records')).toMatchObject({ outcome: 'promoted', candidateVersion });
    expect(await counted(candidateVersion)).toBeGreaterThan(30);

    const [period] = await items(`models/${MODEL}/history`);
    expect(period).toMatchObject({ champion: candidateVersion });
    const before = await counted(candidateVersion);
    await replay('e');
    await until('windows of the new champion', async () => ((await counted(candidateVersion)) > before ? true : null));
    expect(await get('audit/verify')).toMatchObject({ intact: true });
  }, 200_000);

  function requestRows(): number[][] {
    return events.flatMap(({ headers, body }) => {
      if (headers['ce-type']?.endsWith('.request') !== true || headers['content-type'] !== 'application/json')
        return [];
      try {
        const { inputs } = JSON.parse(body.toString()) as { inputs: { shape: number[]; data: number[] }[] };
        return inputs[0]?.shape[0] === 1 ? [inputs[0].data] : [];
      } catch {
        return []; // the one that is garbage
      }
    });
  }
});

function artifactFile(app: WholeApp, digest: string): string {
  const hex = digest.replace('sha256:', '');
  return join(app.folder, 'artifacts', 'sha256', hex.slice(0, 2), hex);
}
