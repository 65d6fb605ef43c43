import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';
import { describeWith } from './support/services.js';

const ROOT = join(import.meta.dirname, '..');
const EXAMPLE = join(ROOT, 'examples/breast-cancer');
const PYTHON = join(ROOT, '.venv/bin/python');

type Json = Record<string, unknown>;
interface Rows {
  readonly inputs: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

/** What a record keeps of its candidate, as far as it is looked at here. */
interface Kept {
  readonly evidence: {
    readonly candidate: {
      readonly status: {
        readonly evaluation: {
          readonly latency: { readonly candidateMs: number; readonly referenceMs: number; readonly speedup: number };
          readonly size: { readonly ratio: number };
          readonly agreement: { readonly candidate: { readonly value: number } };
        };
      };
    };
  };
}

/** The real runner on a model of another kind than the demo's: rows of a table, so small that hardly anything makes it faster. */
describeWith('python-runner')('the second example', () => {
  let app: WholeApp;
  let rows: Rows;
  let reference: string;
  let document: { spec: Json & { objectives: Json; reference: Json } };

  beforeAll(async () => {
    app = await startWholeApp(() => ({ RATCHET_JOBS_PYTHON: PYTHON }));
    const [model, table] = [join(app.folder, 'reference.onnx'), join(app.folder, 'rows.json')];
    const train = [join(EXAMPLE, 'train.py'), '--output', model, '--rows', table];
    const { stdout } = await promisify(execFile)(PYTHON, train, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    const trained = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      accuracy: number;
      samples: number;
      digest: string;
    };
    rows = JSON.parse(await readFile(table, 'utf8')) as Rows;
    reference = await app.upload(await readFile(model));
    expect(reference).toBe(trained.digest);
    document = parse(await readFile(join(EXAMPLE, 'model.yaml'), 'utf8')) as typeof document;
    const { accuracy, samples } = trained;
    document.spec.reference = { digest: reference, evaluation: { accuracy, samples } };
  }, 60_000);
  afterAll(() => app.close());

  const get = async (path: string): Promise<Json> => (await app.call('GET', `/api/v1/${path}`)).body;
  const newest = async (model: string, kind: string): Promise<Json | null> =>
    ((await get(`models/${model}/${kind}`))['items'] as Json[])[0] ?? null;
  const stands = (model: string) => async () =>
    Promise.all(['decisions', 'jobs', 'candidates', 'experiments', 'rollouts'].map((kind) => newest(model, kind)));

  /** The example's own document, with other objectives where a test says so. */
  async function register(model: string, objectives: Json = {}): Promise<void> {
    const { spec } = document;
    const named = {
      ...document,
      metadata: { name: model },
      spec: { ...spec, objectives: { ...spec.objectives, ...objectives } },
    };
    const applied = await app.call('PUT', `/api/v1/models/${model}`, named);
    expect(applied).toMatchObject({ status: 200, body: { champion: { champion: reference } } });
    await until('answer of the gateway', () => infer(model, 0).catch(() => null));
  }

  /** One row of the table through the gateway. */
  async function infer(
    model: string,
    row: number,
    id: string = randomUUID(),
  ): Promise<{ version: string; right: boolean }> {
    const inputs = [{ name: 'measurements', datatype: 'FP32', shape: [1, 30], data: rows.inputs[row] }];
    const { status, body } = await app.call('POST', `/v2/models/${model}/infer`, { id, inputs });
    if (status !== 200) throw new Error(`The gateway answered ${status}: ${JSON.stringify(body)}`);
    const [[no = 0, yes = 0]] = (body['outputs'] as { data: number[] }[]).map(({ data }) => data) as [number[]];
    return { version: String(body['model_version']), right: Number(yes > no) === rows.labels[row] };
  }

  /** Labelled requests, one after the other; the share of right answers. */
  async function send(model: string, requests: number): Promise<number> {
    const labels: { requestId: string; label: number | undefined }[] = [];
    let right = 0;
    for (let n = 0; n < requests; n += 1) {
      const row = n % rows.inputs.length;
      const requestId = randomUUID();
      right += Number((await infer(model, row, requestId)).right);
      labels.push({ requestId, label: rows.labels[row] });
    }
    expect(await app.call('POST', `/api/v1/models/${model}/labels`, { labels })).toMatchObject({ status: 202 });
    return right / requests;
  }

  it('goes by itself from traffic to a candidate, which is refused with its measured speed where speed is asked for', async () => {
    // More than any 26 KB network can gain, so that the ending is certain on every machine.
    await register('in-a-hurry', { minSpeedup: 50 });
    expect(await send('in-a-hurry', 400)).toBeGreaterThan(0.9);

    const record = await until('record', () => newest('in-a-hurry', 'records'), 40, stands('in-a-hurry'));
    expect(record).toMatchObject({
      id: 'in-a-hurry-t1-c1',
      outcome: 'refused',
      decidedBy: 'candidates',
      champion: reference,
      reason: expect.stringMatching(/serves \d+\.\d\d× as fast as the reference, 50\.00× is required/),
    });
    expect(await get('triggers/in-a-hurry-t1')).toMatchObject({
      spec: { cause: 'no-compressed-champion', remedy: { recipe: 'quantize-static' } },
      status: {
        ...{ phase: 'Resolved', outcome: 'refused' },
        achieved: { decidedBy: 'candidates', candidate: 'in-a-hurry-t1-c1', promotion: null },
      },
      charge: { runnerSeconds: expect.any(Number), gpuSeconds: 0 },
    });
    expect(await get('jobs/in-a-hurry-t1-job')).toMatchObject({
      status: { phase: 'Succeeded', candidates: [record['candidateVersion']] },
    });
    const { evidence } = (await get('records/in-a-hurry-t1-c1')) as unknown as Kept;
    const { evaluation } = evidence.candidate.status;
    expect(evaluation.latency.speedup).toBeCloseTo(evaluation.latency.referenceMs / evaluation.latency.candidateMs, 6);
    expect(evaluation.latency.speedup).toBeLessThan(50);
    expect(evaluation.size.ratio).toBeLessThan(0.6);
    expect(evaluation.agreement.candidate.value).toBeGreaterThan(0.9);

    expect(await infer('in-a-hurry', 1)).toMatchObject({ version: reference });
    expect(await get('models/in-a-hurry/history')).toMatchObject({ items: [{ champion: reference, until: null }] });
    expect(await get('audit/verify')).toMatchObject({ intact: true });
  }, 60_000);

  it('asks for size only, and a person has the last word about the smaller one', async () => {
    await register('breast-cancer');
    const before = await send('breast-cancer', 400);
    const waits = async () => {
      await send('breast-cancer', 50);
      return newest('breast-cancer', 'promotions');
    };
    const promotion = await until('promotion that waits', waits, 90, stands('breast-cancer'));
    expect(promotion).toMatchObject({ id: 'breast-cancer-t1-c1-p', status: { phase: 'AwaitingApproval' } });
    const approved = await app.call('POST', '/api/v1/promotions/breast-cancer-t1-c1-p/approve', {
      reason: 'looks right',
    });
    expect(approved).toMatchObject({ status: 200, body: { status: { phase: 'Promoted' } } });
    const { candidateVersion } = promotion['spec'] as { candidateVersion: string };
    await until('new champion', async () =>
      (await infer('breast-cancer', 2)).version === candidateVersion ? true : null,
    );
    expect(await send('breast-cancer', rows.inputs.length)).toBeGreaterThan(before - 0.02);
    expect(await get('models/breast-cancer/history')).toMatchObject({
      items: [{ champion: candidateVersion }, { champion: reference }],
    });
    expect(await get('records/breast-cancer-t1-c1')).toMatchObject({ outcome: 'promoted', decidedBy: 'promotions' });
    expect(await get('triggers/breast-cancer-t1')).toMatchObject({
      status: {
        outcome: 'promoted',
        achieved: {
          ...{ candidate: 'breast-cancer-t1-c1', version: candidateVersion, promotion: 'breast-cancer-t1-c1-p' },
          figures: { sizeRatio: expect.any(Number), agreement: { candidate: expect.any(Number) } },
        },
      },
    });
    const ladder = ((await get('models/breast-cancer/remedies'))['items'] as Json[])[0];
    expect(ladder).toMatchObject({
      cause: 'no-compressed-champion',
      remedies: expect.arrayContaining([expect.objectContaining({ remedy: 'quantize-static', rung: 0, elsewhere: 1 })]),
    });
    expect(await get('models/breast-cancer/trigger-budget')).toMatchObject({
      ...{ open: null, changedBy: null, changes: [], gpuSeconds: { spentSeconds: 0 } },
      runnerSeconds: { spentSeconds: expect.any(Number) },
    });
    expect(await get('audit/verify')).toMatchObject({ intact: true });
  }, 120_000);
});
