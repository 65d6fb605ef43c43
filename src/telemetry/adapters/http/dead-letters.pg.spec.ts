import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { servingPersistence } from '../../../serving/persistence.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { telemetryPersistence } from '../../persistence.js';
import { type HttpApp, makeHttpApp } from '../../testing/http-app.js';
import { aModel, digestOf, T0 } from '../../testing/index.js';

let test: TestDatabase;
let http: HttpApp;

beforeAll(async () => {
  test = await openTestDatabase([servingPersistence, telemetryPersistence]);
});
afterAll(() => test.close());
beforeEach(async () => {
  await http?.app.close();
  http = await makeHttpApp(test.db, { RATCHET_TELEMETRY_MAX_BODY_BYTES: '200000' });
  await test.db.query('TRUNCATE telemetry.dead_letter, telemetry.answer, telemetry."window" RESTART IDENTITY');
});
afterAll(() => http.app.close());

const base = '/api/v1/telemetry/dead-letters';
const event = (id: string, change: object = {}): object => ({
  ...{ schema: 'ratchet.dev/inference/v1', requestId: id, model: 'new', version: digestOf('a'), at: T0.getTime() },
  ...{ latencyMs: 2, prediction: 1, ...change },
});
const call = async (method: 'GET' | 'POST', url: string, payload?: object) => {
  const answer = await http.app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, body: answer.json<Record<string, never>>() };
};
const send = (payload: object | string) =>
  http.app.inject({
    method: 'POST',
    url: '/api/v1/telemetry/events',
    payload,
    headers: { 'content-type': 'application/json' },
  });
const counted = async () =>
  (await call('GET', '/api/v1/models/new/windows')).body['items'] as unknown as { requests: number }[];

describe('dead letters', () => {
  it('are listed by what is asked, page by page, and shown with their bytes', async () => {
    for (const body of ['{"a"', '[1', JSON.stringify(event('r1'))]) await send(body);
    expect((await call('GET', `${base}?class=not-json&limit=1`)).body).toMatchObject({ items: [{ id: 2 }], next: 2 });
    expect((await call('GET', `${base}?class=not-json&limit=1&before=2`)).body).toMatchObject({ items: [{ id: 1 }] });
    expect((await call('GET', `${base}?model=new`)).body).toMatchObject({
      items: [{ reason: { class: 'unknown-model' } }],
    });
    expect((await call('GET', `${base}?since=2027-01-01T00:00:00Z`)).body).toEqual({ items: [], next: null });
    expect((await call('GET', `${base}/1`)).body).toMatchObject({
      head: '{"a"',
      headHex: '7b226122',
      replayable: true,
    });
    expect((await call('GET', `${base}/99`)).status).toBe(404);
    expect((await call('GET', `${base}?class=odd`)).status).toBe(400);
  });

  it('of a model that is known now are fed in once, marked, and audited', async () => {
    await send([event('r1'), event('r2')]);
    http.models.models.push(aModel('new'));
    const both = await Promise.all(
      [1, 2].map(() => call('POST', `${base}/1/replay`, { reason: 'the model is there' })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, expect.any(Number)]);
    expect((await counted()).reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
    const again = await call('POST', `${base}/1/replay`, { reason: 'once more' });
    expect(again).toMatchObject({ status: 409, body: { detail: expect.stringContaining('it was replayed at') } });
    expect((await call('GET', `${base}/1`)).body).toMatchObject({ replayedBy: 'loopback', replayable: false });
    const rest = await call('POST', `${base}/replay`, { reason: 'all of them', model: 'new' });
    expect(rest.body).toEqual({ replayed: 1, refused: 0, skipped: [] });
    expect((await counted()).reduce((sum, { requests }) => sum + requests, 0)).toBe(2);
    expect(http.audited.map(({ action, actor }) => [action, actor])).toEqual([
      ['telemetry.replay', 'loopback'],
      ['telemetry.replay', 'loopback'],
    ]);
  });

  it('that are refused again are new letters, with their place in the source "replay"', async () => {
    await send('{"a"');
    expect((await call('POST', `${base}/1/replay`, { reason: 'try' })).body).toMatchObject({ replayed: 1, refused: 1 });
    const [newest] = (await call('GET', base)).body['items'] as unknown as Record<string, unknown>[];
    expect(newest).toMatchObject({ id: 2, topic: 'replay', offset: expect.any(Number), reason: { class: 'not-json' } });
  });

  it('of which not everything was kept say so', async () => {
    await send(JSON.stringify(event('r1', { note: 'x'.repeat(70_000) })));
    const fault = 'not all of its 70';
    expect((await call('GET', `${base}/1`)).body).toMatchObject({ notReplayable: expect.stringContaining(fault) });
    expect((await call('POST', `${base}/1/replay`, { reason: 'try' })).status).toBe(409);
    const many = await call('POST', `${base}/replay`, { reason: 'try' });
    expect(many.body).toMatchObject({ replayed: 0, skipped: [{ id: 1, reason: expect.stringContaining(fault) }] });
  });
});
