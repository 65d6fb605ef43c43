import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { servingPersistence } from '../../../serving/persistence.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { viewOf } from '../../domain/admit.js';
import { HalfExpiry } from '../../half-expiry.js';
import { cloudEventsTotal } from '../../metrics.js';
import { telemetryPersistence } from '../../persistence.js';
import { BatchLedger } from '../../ports.js';
import { type HttpApp, makeHttpApp } from '../../testing/http-app.js';
import { aModel, digestOf, T0 } from '../../testing/index.js';
import { type LoggedEvent, loggedRequest, loggedResponse } from '../../testing/kserve-events.js';

let test: TestDatabase;
let http: HttpApp;

beforeAll(async () => {
  test = await openTestDatabase([servingPersistence, telemetryPersistence]);
  http = await makeHttpApp(test.db, {
    RATCHET_TELEMETRY_MAX_BODY_BYTES: '100000',
    RATCHET_TELEMETRY_CLOUD_EVENT_BYTES: '150000',
    RATCHET_TELEMETRY_HALF_WAIT_SECONDS: '60',
    RATCHET_TELEMETRY_HALF_BYTES: '20000',
    RATCHET_TELEMETRY_INFERENCE_SERVICES: 'prod/scorer=toy, prod/scorer/canary=other',
  });
  http.models.models.push(aModel('other'));
  for (const [model, champion] of [
    ['toy', 'a'],
    ['other', 'c'],
  ] as const) {
    const none = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
    const period = { model, champion: digestOf(champion), reference: digestOf('0'), promotion: null };
    await http.champions.begin({ ...period, profile: none, at: new Date(0) });
  }
}, 60_000);
afterAll(async () => {
  await http.app.close();
  await test.close();
});
beforeEach(async () => {
  await test.db.query(
    'TRUNCATE telemetry.dead_letter, telemetry.answer, telemetry."window", telemetry.pending_half, telemetry.sample, serving.route RESTART IDENTITY',
  );
});

const url = '/api/v1/telemetry/cloudevents';
const send = async ({ headers, body }: LoggedEvent, path = url) => {
  const answer = await http.app.inject({ method: 'POST', url: path, headers, payload: Buffer.from(body) });
  return [answer.statusCode, answer.json<Record<string, unknown>>()] as const;
};
const taken = [200, { accepted: 1, rejected: 0 }];
const windows = async (model = 'toy') =>
  (await http.app.inject({ url: `/api/v1/models/${model}/windows` })).json<{ items: Record<string, unknown>[] }>()
    .items;
const letters = async () =>
  (await http.app.inject({ url: '/api/v1/telemetry/dead-letters' })).json<{ items: Record<string, unknown>[] }>().items;
const at = (ms: number): string => new Date(T0.getTime() + ms).toISOString();
const native = (id: string, change: object = {}): Record<string, unknown> => ({
  ...{ schema: 'ratchet.dev/inference/v1', requestId: id, model: 'toy', version: digestOf('a'), at: at(0) },
  ...{ latencyMs: 3, prediction: 1, confidence: 0.5, ...change },
});
const envelope = (id: string, data: object): Record<string, unknown> => ({
  ...{ specversion: '1.0', id, source: 'here', type: 'dev.ratchet.inference.v1', datacontenttype: 'application/json' },
  data,
});

describe('CloudEvents over HTTP', () => {
  it('are taken in binary and structured mode and as a batch', async () => {
    const { data: _, datacontenttype, ...attributes } = envelope('b', {});
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]),
    );
    const binary = { headers: { ...headers, 'content-type': String(datacontenttype) }, body: json(native('r1')) };
    expect(await send(binary)).toEqual(taken);
    const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
    expect(await send({ headers: structured, body: json(envelope('s', native('r2'))) })).toEqual(taken);
    const { data, ...rest } = envelope('d', native('r3'));
    const encoded = { ...rest, data_base64: json(data).toString('base64') };
    const batch = [encoded, envelope('e', native('r4')), { id: 'none' }];
    const answer = await send({ headers: { 'content-type': 'application/cloudevents-batch+json' }, body: json(batch) });
    expect(answer).toEqual([200, { accepted: 2, rejected: 1 }]);
    expect(await windows()).toMatchObject([{ requests: 4, latencyMs: { p50: expect.closeTo(3, 1) } }]);
    const reason = { class: 'field', detail: 'is no CloudEvent: source is missing' };
    expect(await letters()).toMatchObject([{ topic: 'http', offset: null, reason, head: '{"id":"none"}' }]);
  });

  it.each([
    ['no envelope', { 'content-type': 'application/json' }, '{}', 'schema'],
    ['no content type', {}, 'x', 'schema'],
    ['no JSON', { 'content-type': 'application/cloudevents+json' }, '{"id"', 'not-json'],
    ['a method of the SDK as attribute', { ...ce(), 'ce-validate': 'x' }, '{}', 'field'],
    ['a type that nobody knows', { ...ce(), 'ce-type': 'com.example.other' }, '{}', 'schema'],
    ['a time without a zone', { ...ce(), 'ce-time': '2026-01-01T00:00:00' }, '{}', 'field'],
    ['another version', { ...ce(), 'ce-specversion': '0.3' }, '{}', 'field'],
  ])('with %s are answered 200 and kept as dead letters', async (_, headers, body, kind) => {
    const [status] = await send({ headers: headers, body: Buffer.from(body) });
    expect(status).toBe(200);
    expect(await letters()).toMatchObject([{ reason: { class: kind }, head: body }]);
  });

  it('that are too large are answered 413 and kept', async () => {
    const body = Buffer.alloc(100_001, 'x');
    expect((await send({ headers: ce(), body }))[0]).toBe(413);
    expect(await letters()).toMatchObject([{ reason: { class: 'too-large' }, sizeBytes: 100_001 }]);
  });

  it('that find no room are answered 429 with Retry-After and counted', async () => {
    const shed = async () =>
      (await cloudEventsTotal.get()).values.find(({ labels }) => labels.result === 'shed')?.value ?? 0;
    const before = await shed();
    const { headers, body } = loggedRequest({ id: 'r' }, [[1, 2, 3, 4]]);
    const padded = Buffer.concat([body, Buffer.alloc(90_000, ' ')]);
    const answers = await Promise.all(
      [1, 2, 3].map(() => http.app.inject({ method: 'POST', url, headers, payload: padded })),
    );
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 429, 429]);
    expect(answers.find(({ statusCode }) => statusCode === 429)?.headers['retry-after']).toBe('1');
    expect(await shed()).toBe(before + 2);
  });
});

describe("KServe's request and response", () => {
  it('are one inference, with its latency, whatever comes first', async () => {
    const times = [at(0), '2026-01-01T00:00:00.004250Z'] as const;
    for (const [id, reverse] of [['r1', false] as const, ['r2', true] as const]) {
      const both = [
        loggedRequest({ id, time: times[0] }, [[1, 2, 3, 4]]),
        loggedResponse({ id, time: times[1] }, [[0, 5, 0]]),
      ];
      for (const half of reverse ? both.reverse() : both) expect(await send(half)).toEqual(taken);
    }
    expect(await windows()).toMatchObject([
      {
        version: digestOf('a'),
        requests: 2,
        predictions: { '1': 2 },
        latencyMs: { p50: expect.closeTo(4.25, 1), p99: expect.closeTo(4.25, 1) },
        moments: { mean: { count: 2, mean: 2.5 } },
      },
    ]);
    const [sample] = await test.db.query<{ input: Buffer }>('SELECT input FROM telemetry.sample LIMIT 1');
    expect(sample?.input).toEqual(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer));
  });

  it('without times (before KServe 0.18) have no latency, and everything else', async () => {
    await send(loggedRequest({ id: 'r' }, [[1, 2, 3, 4]]));
    await send(loggedResponse({ id: 'r' }, [[0, 0, 9]]));
    expect(await windows()).toMatchObject([{ requests: 1, predictions: { '2': 1 }, latencyMs: { p50: null } }]);
  });

  it('of a batch are as many inferences', async () => {
    await send(loggedRequest({ id: 'r' }, [[1, 2, 3, 4], [5, 6, 7, 8]])); // prettier-ignore
    await send(loggedResponse({ id: 'r' }, [[9, 0, 0], [0, 0, 9]])); // prettier-ignore
    expect(await windows()).toMatchObject([{ requests: 2, predictions: { '0': 1, '2': 1 } }]);
    const rows = await test.db.query<{ request_id: string }>('SELECT request_id FROM telemetry.answer ORDER BY 1');
    expect(rows.map(({ request_id }) => request_id)).toEqual(['r/0', 'r/1']);
  });

  it('that come again count once', async () => {
    const both = [loggedRequest({ id: 'r' }, [[1, 2, 3, 4]]), loggedResponse({ id: 'r' }, [[0, 0, 9]])];
    for (const half of [...both, ...both]) await send(half);
    expect(await windows()).toMatchObject([{ requests: 1 }]);
    expect(await letters()).toEqual([]);
  });

  it.each([
    ['the path', { service: 'whatever' }, `${url}/other`, 'other', 'c'],
    ["the service's name", {}, url, 'toy', 'a'],
    ['the list of services', { namespace: 'prod', service: 'scorer' }, url, 'toy', 'a'],
    ['its entry for an endpoint', { namespace: 'prod', service: 'scorer', endpoint: 'canary' }, url, 'other', 'e'],
    ['an annotation', { service: 'x', annotations: { 'ratchet.dev/model': 'other' } }, url, 'other', 'c'],
    ['annotations with a version', { annotations: { 'ratchet.dev/version': digestOf('d') } }, url, 'toy', 'd'],
  ])('belong to the model that is named by %s', async (_, names, path, model, version) => {
    await test.db.query(
      `INSERT INTO serving.route (model, stable, candidate, weight, mirror, mirror_fraction, salt, epoch, confirm_by)
       VALUES ('other', $1, $2, 10, NULL, 0, 's', 1, NULL)`,
      [digestOf('c'), digestOf('e')],
    );
    await send(loggedRequest({ id: 'r', ...names }, [[1, 2, 3, 4]]), path);
    await send(loggedResponse({ id: 'r', ...names }, [[0, 0, 9]]), path);
    expect(await letters()).toEqual([]);
    expect(await windows(model)).toMatchObject([{ version: digestOf(version), requests: 1 }]);
  });

  it.each([
    ['another number of rows', [[1, 2, 3]], [[0, 0, 9]], 'takes 4'], // prettier-ignore
    ['a row without its answer', [[1, 2, 3, 4], [1, 2, 3, 4]], [[0, 0, 9]], '2 rows and the response 1'], // prettier-ignore
    ['another number of classes', [[1, 2, 3, 4]], [[0, 9]], 'not 3'],
  ])('with %s become one dead letter', async (_, inputs, outputs, detail) => {
    await send(loggedRequest({ id: 'r' }, inputs));
    await send(loggedResponse({ id: 'r' }, outputs));
    const place = { topic: 'in-process', partition: 0, offset: expect.any(Number), format: 'cloudevents' };
    const reason = { class: 'contract', detail: expect.stringContaining(detail) };
    expect(await letters()).toMatchObject([{ ...place, model: 'toy', reason }]);
    expect(await windows()).toEqual([]);
  });

  it('whose other half never comes: an answer counts without its input, a request is a dead letter', async () => {
    await send(loggedRequest({ id: 'lonely request' }, [[1, 2, 3, 4]]));
    await send(loggedResponse({ id: 'lonely answer', time: at(59_000) }, [[0, 0, 9]]));
    const expiry = new HalfExpiry(http.app.get(BatchLedger), test.db, http.clock);
    await expiry.expire(viewOf(aModel()));
    expect([await windows(), await letters()]).toEqual([[], []]);
    http.clock.advance(61_000);
    await expiry.expire(viewOf(aModel()));
    await expiry.expire(viewOf(aModel()));
    expect(await windows()).toMatchObject([
      { requests: 1, predictions: { '2': 1 }, moments: {}, latencyMs: { p50: null } },
    ]);
    const reason = { class: 'half-unmatched', detail: 'no answer to it came within 60 s' };
    expect(await letters()).toMatchObject([{ reason, model: 'toy', headers: { ce_id: 'lonely request' } }]);
  });

  it('wait in bounded room: the oldest goes first', async () => {
    const wide = Array.from({ length: 400 }, () => 0.123456789);
    for (const id of ['r1', 'r2', 'r3', 'r4']) {
      http.clock.advance(10);
      await send(loggedRequest({ id }, [wide]));
    }
    expect(await letters()).toMatchObject([{ headers: { ce_id: 'r1' }, reason: { class: 'half-unmatched' } }]);
  });
});

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function ce(): Record<string, string> {
  return { 'ce-specversion': '1.0', 'ce-id': 'i', 'ce-source': 's', 'ce-type': 'dev.ratchet.inference.v1' };
}
