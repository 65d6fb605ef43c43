import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AnswerSink } from '../../../serving/index.js';
import { servingPersistence } from '../../../serving/persistence.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { telemetryPersistence } from '../../persistence.js';
import { makeHttpApp } from '../../testing/http-app.js';
import { anAnswer, digestOf, T0 } from '../../testing/index.js';

let test: TestDatabase;
let app: NestFastifyApplication;

beforeAll(async () => {
  test = await openTestDatabase([servingPersistence, telemetryPersistence]);
  ({ app } = await makeHttpApp(test.db, { RATCHET_TELEMETRY_MAX_BODY_BYTES: '2000000' }));
});
afterAll(async () => {
  await app.close();
  await test.close();
});
beforeEach(() =>
  test.db.query('TRUNCATE telemetry.dead_letter, telemetry.answer, telemetry."window" RESTART IDENTITY'),
);

const event = (n: number, fields: object = {}): object => ({
  ...{ schema: 'ratchet.dev/inference/v1', requestId: `r${n}`, model: 'toy', version: digestOf('a'), arm: 'stable' },
  ...{ at: T0.getTime() + n, latencyMs: 2, prediction: 1, confidence: 0.5, features: { mean: 1 }, ...fields },
});
const post = (url: string, payload: string | object) =>
  app.inject({ method: 'POST', url: `/api/v1/${url}`, payload, headers: { 'content-type': 'application/json' } });
const get = (url: string) => app.inject({ url: `/api/v1/${url}` });
const letters = async () => (await get('telemetry/dead-letters')).json<{ items: Record<string, never>[] }>().items;

it('hands its sink to the whole application', async () => {
  app.get(AnswerSink, { strict: false }).accept(anAnswer(5));
  await post('telemetry/events', event(6));
  expect((await get('models/toy/windows')).json()).toMatchObject({ items: [{ requests: 2 }] });
});

describe('POST /api/v1/telemetry/events', () => {
  it('takes one event or many, and they are counted when it answers', async () => {
    const one = await post('telemetry/events', event(1));
    expect([one.statusCode, one.json()]).toEqual([202, { accepted: 1, rejected: 0 }]);
    const many = await post('telemetry/events', [event(2), event(3), event(3), { bad: 1 }]);
    expect(many.json()).toEqual({ accepted: 3, rejected: 1 });
    const { items } = (await get('models/toy/windows')).json<{ items: object[] }>();
    expect(items).toMatchObject([
      {
        model: 'toy',
        requests: 3,
        errors: 0,
        predictions: { '1': 3 },
        start: T0.toISOString(),
        latencyMs: { p95: expect.closeTo(2, 1) },
      },
    ]);
    expect((await get(`models/toy/windows?version=${digestOf('b')}`)).json()).toEqual({ items: [] });
  });

  it.each([
    ['no JSON', '{"schema":', { class: 'not-json', detail: 'is not JSON' }],
    [
      'NaN',
      JSON.stringify(event(1)).replace('"latencyMs":2', '"latencyMs":NaN'),
      { class: 'not-json', detail: 'is not JSON: NaN is no JSON number' },
    ],
    ['no model', event(1, { model: undefined }), { class: 'field', detail: 'model is missing' }],
    ['an unknown model', event(1, { model: 'ghost' }), { class: 'unknown-model', detail: 'there is no such model' }],
  ])('keeps an event with %s as a dead letter with its reason', async (_, body, reason) => {
    const answer = await post('telemetry/events', body);
    expect([answer.statusCode, answer.json()]).toEqual([202, { accepted: 0, rejected: 1 }]);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    expect(await letters()).toMatchObject([
      {
        topic: 'in-process',
        partition: 0,
        reason,
        sizeBytes: text.length,
        sha256: expect.stringMatching(/^sha256:/) as unknown,
      },
    ]);
  });

  it('answers 413 to a body of 10 MB and keeps its hash and head', async () => {
    const answer = await post('telemetry/events', JSON.stringify(event(1, { note: 'x'.repeat(10_000_000) })));
    expect(answer.statusCode).toBe(413);
    const [letter] = await letters();
    expect(letter).toMatchObject({ topic: 'http', offset: null, reason: { class: 'too-large' } });
    expect(letter?.['head']).toHaveLength(4096);
  });

  it('goes on after garbage', async () => {
    await post('telemetry/events', '[[[[');
    await post('telemetry/events', `[${'['.repeat(50_000)}${']'.repeat(50_000)}]`);
    expect((await post('telemetry/events', event(9))).json()).toEqual({ accepted: 1, rejected: 0 });
    expect(await letters()).toHaveLength(2);
  });
});

describe('POST /api/v1/models/:model/labels', () => {
  it('joins labels that come before and after their answers', async () => {
    expect((await post('models/toy/labels', { labels: [{ requestId: 'r1', label: 1 }] })).statusCode).toBe(202);
    await post('telemetry/events', [event(1), event(2)]);
    await post('models/toy/labels', { labels: [{ requestId: 'r2', label: 0 }] });
    const { items } = (await get('models/toy/windows')).json<{ items: object[] }>();
    expect(items).toMatchObject([{ labelled: 2, correct: 1 }]);
  });

  it.each([
    ['an unknown model', 'models/ghost/labels', { labels: [{ requestId: 'r', label: 1 }] }, 404],
    ['no labels', 'models/toy/labels', { labels: [] }, 400],
    [
      'more than 1,000',
      'models/toy/labels',
      { labels: Array.from({ length: 1001 }, (_, i) => ({ requestId: `${i}`, label: 1 })) },
      400,
    ],
    ['a label that is no number', 'models/toy/labels', { labels: [{ requestId: 'r', label: 'cat' }] }, 400],
    ['NUL in an id', 'models/toy/labels', { labels: [{ requestId: 'a\0', label: 1 }] }, 400],
  ])('refuses %s', async (_, url, body, status) => {
    expect((await post(url, body)).statusCode).toBe(status);
  });
});
