import { beforeEach, describe, expect, it } from '@jest/globals';
import { CountingIds, FakeClock } from '../kernel/testing/index.js';
import {
  EngineClosed,
  EngineFailed,
  EngineOverloaded,
  EngineTimeout,
  ModelLoading,
  ModelNotServed,
  VersionNotServed,
} from './domain/errors.js';
import type { Route } from './domain/route.js';
import { Gateway } from './gateway.js';
import { Mirror } from './mirror.js';
import { RouteTable } from './route-table.js';
import { ServedCounter } from './served-counter.js';
import { aModel, aRequest, aRoute, digestOf, FakeEngine, RecordingAnswerSink } from './testing/index.js';

const [stable, candidate, mirror] = [digestOf('stable'), digestOf('candidate'), digestOf('mirror')];
const logits = new Map([
  [stable, [9, 0, 0]],
  [candidate, [0, 9, 0]],
  [mirror, [0, 0, 9]],
]);
let engine: FakeEngine;
let background: FakeEngine;
let sink: RecordingAnswerSink;
let clock: FakeClock;
let table: RouteTable;
let gateway: Gateway;
let counter: ServedCounter;

beforeEach(() => {
  [engine, background] = [new FakeEngine(), new FakeEngine()];
  for (const each of [engine, background]) each.output = (digest) => logits.get(digest)!;
  sink = new RecordingAnswerSink();
  clock = new FakeClock();
  table = new RouteTable();
  counter = new ServedCounter(clock);
  gateway = new Gateway({
    pin: { arm: 'split', lingerMs: 0 },
    table,
    engine,
    mirror: new Mirror(background, sink, 2),
    sink,
    counter,
    clock,
    ids: new CountingIds(),
    maxRows: 4,
  });
});

function serve(change: Partial<Route>): void {
  table.put('digits', { spec: aModel().spec, route: aRoute({ stable, candidate, ...change }), epoch: 1 });
}

describe('answering', () => {
  it('says what the model said, in the words of the protocol', async () => {
    serve({});
    const { reply } = await gateway.infer('digits', { ...aRequest([1]), id: 'r1' }, null);
    expect(reply).toEqual({
      model_name: 'digits',
      model_version: stable,
      id: 'r1',
      parameters: { arm: 'stable' },
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 3], data: [9, 0, 0] }],
    });
  });

  it('gives a request without id one, and tells telemetry the same', async () => {
    serve({});
    const { reply, settle } = await gateway.infer('digits', aRequest([1]), null);
    settle();
    expect(reply.id).toBe('id-1');
    expect(sink.answers.map((answer) => answer.requestId)).toEqual(['id-1']);
  });

  it('tells telemetry one answer a row, each with its own input and id', async () => {
    serve({});
    const { settle } = await gateway.infer('digits', { ...aRequest([1, 2]), id: 'r' }, null);
    expect(sink.answers).toEqual([]); // not before the reply is sent
    settle();
    expect(sink.answers).toMatchObject([
      {
        requestId: 'r#0',
        model: 'digits',
        version: stable,
        arm: 'stable',
        at: clock.now(),
        error: null,
        prediction: 0,
        shadow: null,
        features: { mean: 1, max: 1 },
      },
      { requestId: 'r#1', features: { mean: 2, max: 2 } },
    ]);
    expect([...sink.answers[1]!.input]).toEqual(new Array<number>(16).fill(2));
    expect(sink.answers[0]!.confidence).toBeCloseTo(1 / (1 + 2 * Math.exp(-9)), 12);
  });

  it('counts what it answered, also what failed, before anything can be shed', async () => {
    serve({});
    await gateway.infer('digits', { ...aRequest([1, 2]), id: 'r' }, null);
    engine.failure = new EngineOverloaded(1);
    await expect(gateway.infer('digits', aRequest([1]), null)).rejects.toThrow(EngineOverloaded);
    expect(counter.changed()).toMatchObject([{ model: 'digits', version: stable, seconds: 10, requests: 3 }]);
  });

  it.each([
    ['the model keeps no inputs', { sampling: false }, {}, true],
    ['the body says so', {}, { parameters: { sample: false } }, true],
    ['the caller says so', {}, {}, false],
  ])('lets no input out when %s, but mirrors the request', async (_, telemetry, body, keepInput) => {
    const { spec } = aModel();
    const route = aRoute({ stable, mirror, mirrorFraction: 1 });
    table.put('digits', { spec: { ...spec, telemetry: { ...spec.telemetry, ...telemetry } }, route, epoch: 1 });
    const { settle } = await gateway.infer('digits', { ...aRequest([1]), ...body }, null, keepInput);
    settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.answers).toMatchObject([{ features: { mean: 1, max: 1 }, prediction: 0, shadow: { prediction: 2 } }]);
    expect(sink.answers[0]!.input).toHaveLength(0);
  });

  it('lets redacted columns out as zeros, but the model sees them', async () => {
    const { spec } = aModel();
    const columns = Array.from({ length: 16 }, (_, i) => `c${i}`);
    const telemetry = { ...spec.telemetry, columns, features: ['c3', 'c4', 'max'], redact: ['c3'] };
    table.put('digits', { spec: { ...spec, telemetry }, route: aRoute({ stable }), epoch: 1 });
    const { settle } = await gateway.infer('digits', aRequest([7]), null);
    settle();
    expect([...engine.asked.at(-1)!.values]).toEqual(new Array<number>(16).fill(7));
    expect([...sink.answers[0]!.input]).toEqual(columns.map((name) => (name === 'c3' ? 0 : 7)));
    expect(sink.answers[0]!.features).toEqual({ c4: 7, max: 7 });
  });

  it('keeps a key on its arm, and lets the key decide rather than the id', async () => {
    serve({ weight: 50 });
    const armOf = async (id: string, key: string | null) =>
      (await gateway.infer('digits', { ...aRequest([1]), id }, key)).reply.parameters.arm;
    const ids = Array.from({ length: 200 }, (_, i) => `r${i}`);
    const byId = await Promise.all(ids.map((id) => armOf(id, null)));
    expect(await Promise.all(ids.map((id) => armOf(id, null)))).toEqual(byId);
    expect(byId.filter((arm) => arm === 'candidate').length).toBeGreaterThan(60);
    expect(new Set(await Promise.all(ids.map((id) => armOf(id, 'one user')))).size).toBe(1);
  });

  it('gives everything back to the stable version when the lease runs out, without being told', async () => {
    serve({ weight: 100, confirmBy: new Date(clock.now().getTime() + 1000) });
    const version = async () => (await gateway.infer('digits', aRequest([1]), null)).reply.model_version;
    expect(await version()).toBe(candidate);
    clock.advance(1001);
    expect(await version()).toBe(stable);
  });
});

describe('refusing', () => {
  it('tells an unknown model from one that is still loading', async () => {
    await expect(gateway.infer('digits', aRequest([1]), null)).rejects.toThrow(ModelLoading); // nothing is known yet
    table.know(new Set(['digits']));
    await expect(gateway.infer('digits', aRequest([1]), null)).rejects.toThrow(ModelLoading);
    await expect(gateway.infer('letters', aRequest([1]), null)).rejects.toThrow(ModelNotServed);
  });

  it('knows only the versions of the route', () => {
    serve({});
    expect(gateway.describe('digits', candidate).route.stable).toBe(stable);
    expect(() => gateway.describe('digits', mirror)).toThrow(VersionNotServed);
  });

  it('tells telemetry nothing about a request that was wrong', async () => {
    serve({});
    await expect(gateway.infer('digits', aRequest([1], { name: 'x' }), null)).rejects.toThrow();
    expect([sink.answers, engine.asked]).toEqual([[], []]);
  });

  it.each([
    ['runtime', new EngineFailed('broken'), { mean: 1, max: 1 }],
    ['timeout', new EngineTimeout(10), { mean: 1, max: 1 }],
    ['overloaded', new EngineOverloaded(3), {}],
  ])('tells telemetry of a failure as "%s"', async (error, failure, features) => {
    serve({});
    engine.failure = failure;
    await expect(gateway.infer('digits', { ...aRequest([1, 1]), id: 'r' }, null)).rejects.toThrow(failure);
    expect(sink.answers).toMatchObject([
      { requestId: 'r#0', error, prediction: null, confidence: null, features },
      { requestId: 'r#1', error },
    ]);
  });

  it('tells telemetry nothing about a request that the end of the gateway cut off', async () => {
    serve({});
    engine.failure = new EngineClosed();
    await expect(gateway.infer('digits', aRequest([1]), null)).rejects.toThrow(EngineClosed);
    expect(sink.answers).toEqual([]);
  });

  it('takes an output that is not finite as a failure of the runtime', async () => {
    serve({});
    engine.output = () => [NaN, 0, 0];
    await expect(gateway.infer('digits', aRequest([1]), null)).rejects.toThrow('not finite');
    expect(sink.answers).toMatchObject([{ error: 'runtime' }]);
  });
});

describe('mirroring', () => {
  it('adds what the mirrored version said, in one run for all rows of a request', async () => {
    serve({ mirror, mirrorFraction: 1 });
    (await gateway.infer('digits', { ...aRequest([1, 2]), id: 'r' }, null)).settle();
    const answers = await sink.take(2);
    expect(answers).toMatchObject([
      { requestId: 'r#0', prediction: 0, shadow: { version: mirror, prediction: 2, latencyMs: 0.5, error: null } },
      { requestId: 'r#1', prediction: 0, shadow: { version: mirror, prediction: 2 } },
    ]);
    expect(background.asked).toHaveLength(1);
    expect([...background.asked[0]!.values]).toEqual([
      ...new Array<number>(16).fill(1),
      ...new Array<number>(16).fill(2),
    ]);
  });

  it('never delays an answer, and skips the shadow when too many wait, but not the answer', async () => {
    serve({ mirror, mirrorFraction: 1 });
    let open = (): void => undefined;
    background.gate = new Promise((resolve) => (open = resolve));
    for (let i = 0; i < 5; i += 1) (await gateway.infer('digits', { ...aRequest([1]), id: `r${i}` }, null)).settle();
    expect(sink.answers.map((answer) => [answer.requestId, answer.shadow])).toEqual([
      ['r2', null],
      ['r3', null],
      ['r4', null],
    ]);
    open();
    const answers = await sink.take(5);
    expect(answers.filter((answer) => answer.shadow?.prediction === 2).map((answer) => answer.requestId)).toEqual([
      'r0',
      'r1',
    ]);
  });

  it('says in the shadow that the mirrored version failed', async () => {
    serve({ mirror, mirrorFraction: 1 });
    background.failure = new EngineFailed('broken');
    (await gateway.infer('digits', aRequest([1]), null)).settle();
    expect(await sink.take(1)).toMatchObject([
      { error: null, prediction: 0, shadow: { version: mirror, prediction: null, error: 'runtime' } },
    ]);
  });

  it.each([new EngineClosed(), new EngineOverloaded(3)])(
    'does not blame the mirrored version for %s',
    async (failure) => {
      serve({ mirror, mirrorFraction: 1 });
      background.failure = failure;
      (await gateway.infer('digits', aRequest([1]), null)).settle();
      expect(await sink.take(1)).toMatchObject([{ error: null, prediction: 0, shadow: null }]);
    },
  );

  it('does not mirror to the version that answered', async () => {
    serve({ mirror: stable, mirrorFraction: 1 });
    (await gateway.infer('digits', aRequest([1]), null)).settle();
    expect(sink.answers).toMatchObject([{ shadow: null }]);
    expect(background.asked).toEqual([]);
  });
});
