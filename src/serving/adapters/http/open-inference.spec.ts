import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CountingIds, FakeClock } from '../../../kernel/testing/index.js';
import type { Digest } from '../../../kernel/index.js';
import { parseSettings } from '../../../platform/config/index.js';
import { configureHttp, httpSettings, newFastifyAdapter } from '../../../platform/http/index.js';
import { setLogLevel } from '../../../platform/observability/index.js';
import { Gateway, type InferenceReply } from '../../gateway.js';
import { Mirror } from '../../mirror.js';
import { RouteSync } from '../../route-sync.js';
import { RouteTable } from '../../route-table.js';
import { ServedCounter } from '../../served-counter.js';
import {
  aModel,
  aRequest,
  aRoute,
  FakeGatewayRegister,
  FakeRouteStore,
  FakeServedModels,
  linearModel,
  RecordingAnswerSink,
  TemporaryArtifacts,
} from '../../testing/index.js';
import { OnnxEngine } from '../onnx/onnx-engine.js';
import { OpenInferenceController } from './open-inference.controller.js';

/** The gateway as a client sees it: real HTTP, real ONNX Runtime threads, real files. */
let app: NestFastifyApplication;
let url: string;
let versions: Digest[];
const artifacts = new TemporaryArtifacts();
const routes = new FakeRouteStore();
const clock = new FakeClock(new Date('2026-06-01T00:00:00Z'));
const sink = new RecordingAnswerSink();
const options = { threads: 2, queueLimit: 1000, timeoutMs: 10_000, idleSessions: 0 };
const serving = new OnnxEngine(artifacts, options);
const background = new OnnxEngine(artifacts, { ...options, threads: 1 });
const table = new RouteTable();
const silent = { swapped: () => {}, versionFailed: () => {}, storeAway: () => {}, storeBack: () => {} };
const models = new FakeServedModels(aModel(), aModel('empty'));
const register = new FakeGatewayRegister();
const sync = new RouteSync({
  arm: 'split',
  instance: 'gw',
  routes,
  models,
  register,
  serving,
  background,
  table,
  clock,
  observer: silent,
});
const mirror = new Mirror(background, sink, 100);
const gateway = new Gateway({
  pin: { arm: 'split', lingerMs: 0 },
  table,
  engine: serving,
  mirror,
  sink,
  counter: new ServedCounter(clock),
  clock,
  ids: new CountingIds(),
  maxRows: 8,
});

@Module({
  controllers: [OpenInferenceController],
  providers: [
    { provide: Gateway, useValue: gateway },
    { provide: RouteSync, useValue: sync },
  ],
})
class TestModule {}

beforeAll(async () => {
  setLogLevel('silent');
  Logger.overrideLogger(false);
  const settings = parseSettings([httpSettings], {}).of(httpSettings);
  app = await NestFactory.create<NestFastifyApplication>(TestModule, newFastifyAdapter(settings));
  await configureHttp(app, settings);
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
  versions = [];
  // Version i answers class i, whatever it is asked.
  for (const bias of [
    [9, 0, 0],
    [0, 9, 0],
    [0, 0, 9],
  ])
    versions.push((await artifacts.putBytes(linearModel({ bias }))).digest);
});

afterAll(async () => {
  await app.close();
  await Promise.all([serving.close(), background.close()]);
  artifacts.close();
});

beforeEach(async () => {
  sink.answers.length = 0;
  await state({});
});

async function state(change: Parameters<typeof aRoute>[0]): Promise<void> {
  await routes.state(aRoute({ stable: versions[0]!, ...change }));
  await sync.pass();
}

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.json() };
}

async function infer(body: unknown, headers: Record<string, string> = {}, model = 'digits') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text };
  const response = await fetch(`${url}/v2/models/${model}/infer`, request);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as InferenceReply & { error?: string },
  };
}

describe('the Open Inference Protocol', () => {
  it('tells what the server, the model and its versions are', async () => {
    await state({ candidate: versions[1]!, weight: 5 });
    const tensors = {
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 4, 4] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 3] }],
    };
    expect(await get('/v2')).toEqual({ status: 200, body: { name: 'ratchet', version: 'v1', extensions: [] } });
    expect(await get('/v2/health/live')).toEqual({ status: 200, body: { live: true } });
    expect(await get('/v2/health/ready')).toEqual({ status: 200, body: { ready: true } });
    expect((await get('/v2/models/digits')).body).toEqual({
      name: 'digits',
      versions: versions.slice(0, 2),
      ...tensors,
    });
    expect((await get(`/v2/models/digits/versions/${versions[1]!}`)).body).toEqual({
      name: 'digits',
      versions: [versions[1]],
      ...tensors,
    });
    expect(await get('/v2/models/digits/ready')).toEqual({ status: 200, body: { name: 'digits', ready: true } });
    expect((await get(`/v2/models/digits/versions/${versions[0]!}/ready`)).status).toBe(200);
    expect(await get(`/v2/models/digits/versions/${versions[2]!}/ready`)).toEqual({
      status: 404,
      body: { error: expect.stringContaining('does not serve a version') },
    });
  });

  it('answers rows and tells telemetry the same', async () => {
    const { status, body } = await infer({ ...aRequest([1, 2]), id: 'r1' });
    expect(status).toBe(200);
    expect(body).toEqual({
      model_name: 'digits',
      model_version: versions[0],
      id: 'r1',
      parameters: { arm: 'stable' },
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [2, 3], data: [9, 0, 0, 9, 0, 0] }],
    });
    const answers = await sink.take(2);
    expect(answers).toMatchObject([
      { requestId: 'r1#0', version: versions[0], prediction: 0, error: null, shadow: null },
      { requestId: 'r1#1', features: { mean: 2 } },
    ]);
  });

  it.each<[string, number, () => ReturnType<typeof infer>, RegExp]>([
    ['an unknown model', 404, () => infer(aRequest([1]), {}, 'letters'), /no model "letters"/],
    ['a model without a champion', 503, () => infer(aRequest([1]), {}, 'empty'), /still loading/],
    ['another datatype', 400, () => infer(aRequest([1], { datatype: 'INT8' })), /is FP32/],
    ['another shape', 400, () => infer(aRequest([1], { shape: [1, 16] })), /\[n, 1, 4, 4\]/],
    ['too many rows', 400, () => infer(aRequest(new Array<number>(9).fill(0))), /may hold 8 rows/],
    ['a body that is not JSON', 400, () => infer('{"inputs": [NaN'), /is not JSON/],
    [
      'a body nested without end',
      400,
      () => infer(`{"inputs":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
      /must be an object/,
    ],
    ['no JSON object', 400, () => infer('[]'), /must be an object/],
    [
      'the binary extension',
      400,
      () => infer(aRequest([1]), { 'inference-header-content-length': '10' }),
      /binary tensor/,
    ],
    ['an endless key', 400, () => infer(aRequest([1]), { 'x-ratchet-key': 'x'.repeat(257) }), /1 to 256/],
  ])('refuses %s with %d and the reason', async (_, status, request, reason) => {
    const answer = await request();
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: expect.stringMatching(reason) });
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null);
    expect(sink.answers).toEqual([]);
  });

  it('splits by the key, sticks to it, and labels the answer with its arm', async () => {
    await state({ candidate: versions[1]!, weight: 30 });
    const ask = async (i: number) => (await infer(aRequest([1]), { 'x-ratchet-key': `user-${i}` })).body;
    const users = Array.from({ length: 300 }, (_, i) => i);
    const first = await Promise.all(users.map(ask));
    const again = await Promise.all(users.map(ask));
    const arms = first.map((body) => body.parameters.arm);
    expect(again.map((body) => body.parameters.arm)).toEqual(arms);
    expect(new Set(first.map((body) => `${body.parameters.arm} ${body.model_version}`))).toEqual(
      new Set([`stable ${versions[0]!}`, `candidate ${versions[1]!}`]),
    );
    const share = arms.filter((arm) => arm === 'candidate').length / users.length;
    expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / users.length));
    await state({ candidate: versions[1]!, weight: 30, confirmBy: new Date(clock.now().getTime() - 1) });
    const after = await Promise.all(users.map(ask));
    expect(new Set(after.map((body) => body.model_version))).toEqual(new Set([versions[0]]));
  });

  it('mirrors to a version that is not served, and tells both answers', async () => {
    await state({ mirror: versions[2]!, mirrorFraction: 1 });
    expect((await infer({ ...aRequest([1]), id: 'm' })).body.model_version).toBe(versions[0]);
    const [answer] = await sink.take(1);
    expect(answer).toMatchObject({
      requestId: 'm',
      prediction: 0,
      shadow: { version: versions[2], prediction: 2, error: null },
    });
    expect(answer?.shadow?.latencyMs).toBeGreaterThan(0);
  });

  it('fails no request while the version is swapped again and again under load', async () => {
    let swapping = true;
    const seen = new Set<string>();
    const failures: unknown[] = [];
    let answered = 0;
    const client = async (): Promise<void> => {
      while (swapping) {
        const { status, body } = await infer(aRequest([1]));
        const said = body.outputs[0]?.data.indexOf(9);
        if (status !== 200 || said === undefined || body.model_version !== versions[said]) failures.push(body);
        seen.add(body.model_version);
        answered += 1;
      }
    };
    const clients = Array.from({ length: 16 }, client);
    for (let swap = 1; swap <= 12; swap += 1) {
      await state({ stable: versions[swap % 3]!, candidate: versions[(swap + 1) % 3]!, weight: 50 });
      const enough = answered + 20;
      while (answered < enough) await new Promise((resolve) => setImmediate(resolve));
    }
    swapping = false;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(seen.size).toBe(3);
    expect((await sink.take(answered)).filter((answer) => answer.error !== null)).toEqual([]);
  });

  it('answers 429 with Retry-After when too many wait, and recovers', async () => {
    const narrow = new OnnxEngine(artifacts, { ...options, threads: 1, queueLimit: 1 });
    const crowded = new Gateway({
      pin: { arm: 'split', lingerMs: 0 },
      table,
      engine: narrow,
      mirror,
      sink,
      counter: new ServedCounter(clock),
      clock,
      ids: new CountingIds(),
      maxRows: 8,
    });
    const original = gateway.infer.bind(gateway);
    gateway.infer = crowded.infer.bind(crowded);
    try {
      const answers = await Promise.all(
        Array.from({ length: 60 }, () => infer(aRequest(new Array<number>(8).fill(1)))),
      );
      const refused = answers.filter((answer) => answer.status === 429);
      expect(answers.filter((answer) => answer.status === 200).length + refused.length).toBe(60);
      expect(refused.length).toBeGreaterThan(0);
      expect([refused[0]?.headers.get('retry-after'), refused[0]?.body.error]).toEqual([
        '1',
        expect.stringContaining('waiting already'),
      ]);
      expect((await infer(aRequest([1]))).status).toBe(200);
    } finally {
      gateway.infer = original;
      await narrow.close();
    }
  });

  it('stays as it is when the new version is a truncated file', async () => {
    const { digest } = await artifacts.putBytes(linearModel({ bias: [1, 2, 3] }).slice(0, 200));
    await state({ stable: digest });
    expect((await infer(aRequest([1]))).body.model_version).toBe(versions[0]);
    expect((await get('/v2/health/ready')).status).toBe(200);
  });
});
