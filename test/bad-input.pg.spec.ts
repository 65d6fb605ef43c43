import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildOnnx } from '../src/models/testing/index.js';
import { ask, counted, serveTiny, TINY, tinyDocument } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

let app: WholeApp;
let champion: string;

beforeAll(async () => {
  app = await startWholeApp(() => ({ RATCHET_TELEMETRY_SWEEP_SECONDS: '1' }));
  champion = await serveTiny(app, 'tiny');
}, 60_000);
afterAll(() => app.close());

/** What must hold after every bad input: the program is ready, the model serves as before, and the account is whole. */
async function expectAllWell(): Promise<void> {
  expect(await app.call('GET', '/readyz')).toMatchObject({ status: 200 });
  expect(await ask(app, 'tiny', 2)).toMatchObject({ status: 200, body: { model_version: champion } });
  expect(await app.call('GET', '/api/v1/audit/verify')).toMatchObject({ body: { intact: true } });
}

it('a model document with five faults is refused with every one of them, and the mended one is taken', async () => {
  const good = tinyDocument('five', champion);
  const spec = good['spec'] as Record<string, unknown>;
  const bad = {
    ...good,
    spec: {
      ...spec,
      input: { name: 'x', shape: [1, 4] },
      objectives: { ...(spec['objectives'] as object), maxSizeRatio: 3 },
      experiment: { ...(spec['experiment'] as object), margin: 0.9, alpha: 2 },
      colour: 'blue',
    },
  };
  const refused = await app.call('PUT', '/api/v1/models/five', bad);
  expect(refused).toMatchObject({ status: 400, body: { type: 'urn:ratchet:problem:invalid-input', code: 'invalid' } });
  expect((refused.body['faults'] as { path: string }[]).map(({ path }) => path).sort()).toEqual([
    'spec',
    'spec.experiment.alpha',
    'spec.experiment.margin',
    'spec.input.shape.0',
    'spec.objectives.maxSizeRatio',
  ]);
  expect((await app.call('GET', '/api/v1/models/five')).status).toBe(404);
  await expectAllWell();
  expect(await app.call('PUT', '/api/v1/models/five', good)).toMatchObject({
    status: 200,
    body: { change: 'created' },
  });
});

describe('an ONNX file that', () => {
  it.each([
    ['is cut off', TINY.subarray(0, 60), /no readable ONNX model: it is cut off/],
    [
      'has another input shape',
      buildOnnx({ inputs: [{ name: 'x', shape: [-1, 9] }] }),
      /\[-1, 9\] instead of \[-1, 4\]/,
    ],
    [
      'has its data outside',
      buildOnnx({ externalLocation: '../../secret' }),
      /stored outside the model, in "..\/..\/secret"/,
    ],
    ['has a custom operator', buildOnnx({ operator: 'Evil', domain: 'evil' }), /operator "Evil" of the domain "evil"/],
  ])('%s is refused as a reference and as a candidate, and the right one is taken', async (what, onnx, reason) => {
    const name = what.replaceAll(' ', '-');
    const digest = await app.upload(onnx);
    const problem = { status: 422, body: { code: 'unprocessable', detail: expect.stringMatching(reason) } };
    expect(await app.call('PUT', `/api/v1/models/${name}`, tinyDocument(name, digest))).toMatchObject(problem);
    expect((await app.call('GET', `/api/v1/models/${name}`)).status).toBe(404);
    expect(await app.call('POST', '/api/v1/models/tiny/candidates', { digest })).toMatchObject(problem);
    expect((await app.call('GET', '/api/v1/models/tiny/candidates')).body).toEqual({ items: [] });
    await expectAllWell();
    expect(await serveTiny(app, name)).toBe(champion);
  });
});

describe('an event that', () => {
  // Only these events name it, so that no other traffic is counted here.
  const version = `sha256:${'e'.repeat(64)}`;
  const event = (change: object = {}) => ({
    ...{ schema: 'ratchet.dev/inference/v1', requestId: randomUUID(), model: 'tiny', version, arm: 'stable' },
    ...{ at: Date.now(), latencyMs: 2, prediction: 1, confidence: 0.5, features: { mean: 1 }, ...change },
  });
  const newestLetter = async () => {
    const { body } = await app.call('GET', '/api/v1/telemetry/dead-letters?limit=1');
    return (body['items'] as Record<string, unknown>[])[0];
  };
  const taken = { status: 202, body: { accepted: 0, rejected: 1 } };

  it.each([
    ['is no JSON', () => '{"schema":', taken, { class: 'not-json' }],
    [
      'has NaN',
      () => JSON.stringify(event()).replace('"latencyMs":2', '"latencyMs":NaN'),
      taken,
      { class: 'not-json', detail: 'is not JSON: NaN is no JSON number' },
    ],
    [
      'lacks its model',
      () => JSON.stringify(event({ model: undefined })),
      taken,
      { class: 'field', detail: 'model is missing' },
    ],
    [
      'is 10 MB',
      () => JSON.stringify(event({ note: 'x'.repeat(10_000_000) })),
      { status: 413, body: { code: 'too_large' } },
      { class: 'too-large' },
    ],
  ])('%s is kept with its reason, and the next one is counted', async (_, body, answer, reason) => {
    const text = body();
    const before = await counted(app, 'tiny', version);
    expect(await app.call('POST', '/api/v1/telemetry/events', text)).toMatchObject(answer);
    expect(await newestLetter()).toMatchObject({ reason, sizeBytes: text.length, head: text.slice(0, 4096) });
    expect(await counted(app, 'tiny', version)).toBe(before);
    const good = await app.call('POST', '/api/v1/telemetry/events', event());
    expect(good).toMatchObject({ status: 202, body: { accepted: 1, rejected: 0 } });
    expect(await counted(app, 'tiny', version)).toBe(before + 1);
    await expectAllWell();
  });
});

describe('labels for unknown requests', () => {
  const windows = async (model: string) => {
    const { body } = await app.call('GET', `/api/v1/models/${model}/windows`);
    const items = body['items'] as { labelled: number; correct: number }[];
    return items.reduce((sum, one) => ({ labelled: sum.labelled + one.labelled, correct: sum.correct + one.correct }), {
      labelled: 0,
      correct: 0,
    });
  };
  const say = (model: string, requestId: string, label: number) =>
    app.call('POST', `/api/v1/models/${model}/labels`, { labels: [{ requestId, label }] });

  it('wait for their request and are joined when it comes', async () => {
    await serveTiny(app, 'patient');
    expect(await say('patient', 'early', 3)).toMatchObject({ status: 202, body: { taken: 1 } });
    expect(await windows('patient')).toEqual({ labelled: 0, correct: 0 });
    await ask(app, 'patient', 3, 'early');
    await until('joined label', async () => ((await windows('patient')).labelled === 1 ? true : null));
    expect(await windows('patient')).toEqual({ labelled: 1, correct: 1 });
  });

  it('become dead letters when it never comes, and later labels are joined', async () => {
    const telemetry = { windowSeconds: 1, labelWaitSeconds: 1 };
    await serveTiny(app, 'hasty', { telemetry });
    await say('hasty', 'never', 3);
    const letter = await until('dead letter', async () => {
      const { body } = await app.call('GET', '/api/v1/telemetry/dead-letters?model=hasty');
      return (body['items'] as Record<string, unknown>[])[0] ?? null;
    });
    expect(letter).toMatchObject({
      reason: { class: 'label-unmatched', detail: 'label for unknown request' },
      head: JSON.stringify({ model: 'hasty', requestId: 'never', label: 3 }),
    });
    await serveTiny(app, 'hasty', { telemetry: { ...telemetry, labelWaitSeconds: 60 } });
    await ask(app, 'hasty', 2, 'known');
    await say('hasty', 'known', 1);
    await until('joined label', async () => ((await windows('hasty')).labelled === 1 ? true : null));
    expect(await windows('hasty')).toEqual({ labelled: 1, correct: 0 });
    await expectAllWell();
  });

  it('of an unknown model are refused', async () => {
    expect(await say('ghost', 'r', 1)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    await expectAllWell();
  });
});
