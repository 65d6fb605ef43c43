import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { setLogLevel } from '../../../platform/observability/index.js';
import type { TrafficOrder } from '../../ports.js';
import { CANDIDATE, CHAMPION } from '../../testing/index.js';
import { isForbidden } from './guarded-lookup.js';
import { WebhookRouter } from './webhook-router.js';

interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Record<string, unknown>;
}
type Reply = { status?: number; body?: string; headers?: Record<string, string>; silent?: boolean };

const SECRET = 'a secret of the data plane';
const ORDER: TrafficOrder = {
  ...{ rollout: 'r1', model: 'digits', champion: CHAMPION, candidate: CANDIDATE, salt: 's' },
  target: { kind: 'webhook', endpoint: 'edge' },
};
const says = (answer: object): Reply => ({ body: JSON.stringify({ weight: 0, ...answer }) });

describe('a data plane behind a webhook', () => {
  const clock = new FakeClock();
  let server: Server;
  let folder: string;
  let asked: Asked[];
  let reply: (body: Asked['body']) => Reply;
  let url: string;
  beforeAll(() => setLogLevel('silent'));
  beforeEach(async () => {
    asked = [];
    reply = () => says({});
    folder = mkdtempSync(join(tmpdir(), 'ratchet-webhook-'));
    writeFileSync(join(folder, 'edge'), `${SECRET}\n`);
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (data: Buffer) => (text += String(data)));
      request.on('end', () => {
        const body = JSON.parse(text) as Asked['body'];
        asked.push({ headers: request.headers, text, body });
        const { status = 200, body: answer = '', headers = {}, silent = false } = reply(body);
        if (!silent) response.writeHead(status, headers).end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/traffic`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  const router = (over: object = {}) =>
    new WebhookRouter(
      { webhooks: new Map([['edge', url]]), webhookSecretFolder: folder, webhookTimeoutMs: 300, ...over },
      clock,
    );
  const inSeconds = (seconds: number) => new Date(clock.now().getTime() + seconds * 1_000);

  it('is told the wanted end, signed, with a key that is the same for the same words', async () => {
    reply = () => says({ weight: 10 });
    await router().setWeight(ORDER, 10, inSeconds(60));
    await router().setWeight(ORDER, 10, inSeconds(60));
    const [first, second] = asked;
    expect(first!.body).toEqual({
      ...{ apiVersion: 'ratchet.dev/v1alpha1', kind: 'TrafficRequest', verb: 'set', rollout: 'r1', model: 'digits' },
      ...{ champion: CHAMPION, candidate: CANDIDATE, salt: 's', weight: 10, confirmBy: inSeconds(60).toISOString() },
    });
    const t = Math.floor(clock.now().getTime() / 1_000);
    const v1 = createHmac('sha256', SECRET).update(`${t}.${first!.text}`).digest('hex');
    expect(first!.headers['x-ratchet-signature']).toBe(`t=${t},v1=${v1}`);
    expect(first!.headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
    expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
  });

  it('is not told again what it has in force, until a third of the lease is over or it says something else', async () => {
    reply = () => says({ weight: 10 });
    const one = router();
    const sets = () => asked.filter(({ body }) => body['verb'] === 'set').length;
    for (let pass = 0; pass < 3; pass++) await one.setWeight(ORDER, 10, inSeconds(60));
    expect(sets()).toBe(1);
    clock.advance(25_000);
    await one.setWeight(ORDER, 10, inSeconds(60));
    expect(sets()).toBe(2);
    reply = () => says({ weight: 0, lapsed: true, reason: 'nobody confirmed' });
    expect(await one.observe(ORDER)).toEqual({ weight: 0, reason: 'nobody confirmed', lapsed: true });
    await one.setWeight(ORDER, 10, inSeconds(60));
    expect(sets()).toBe(3);
  });

  it.each<[string, Reply, RegExp]>([
    ['a redirect', { status: 302, headers: { location: 'http://169.254.169.254/' } }, /answered with a redirect/],
    ['an error', { status: 500, body: 'token=hunter2' }, /it answered 500/],
    ['no JSON', { body: '<html>token=hunter2' }, /not JSON/],
    ['another JSON', { body: '{"token":"hunter2"}' }, /lacks a weight/],
    ['a weight beyond 100', says({ weight: 101 }), /lacks a weight/],
    ['an endless answer', { body: `{"weight":0,"reason":"${'x'.repeat(70_000)}"}` }, /longer than 65536 bytes/],
    ['silence', { silent: true }, /no answer within 300 ms/],
  ])(
    'that answers with %s is not seen; what it did is unknown, and its words are not repeated',
    async (_, answer, reason) => {
      reply = () => answer;
      const sight = await router().observe(ORDER);
      expect(sight).toEqual({ weight: null, reason: expect.stringMatching(reason), lapsed: false });
      expect(sight.reason).not.toContain('hunter2');
      await router().setWeight(ORDER, 10, inSeconds(60));
      await expect(router().giveBack(ORDER, CHAMPION)).rejects.toMatchObject({ retryable: true });
      await expect(router().settle(ORDER)).rejects.toMatchObject({ retryable: true });
    },
  );

  it('gives back and settles when it says so', async () => {
    const newer = `sha256:${'d'.repeat(64)}` as const;
    await router().giveBack(ORDER, newer);
    expect(asked[0]!.body).toMatchObject({ verb: 'give-back', weight: 0, champion: newer });
    expect(await router().settle(ORDER)).toBe(false);
    reply = () => says({ weight: 0, settled: true });
    expect(await router().settle(ORDER)).toBe(true);
  });

  it.each([
    ['an unknown name', { webhooks: new Map() }, /does not name it/],
    ['no folder of secrets', { webhookSecretFolder: undefined }, /WEBHOOK_SECRET_FOLDER is not set/],
    ['no secret', { webhookSecretFolder: tmpdir() }, /secret file is missing or empty/],
  ])('is refused with %s, before anything is sent', async (_, over, reason) => {
    const one = router(over);
    await one.setWeight(ORDER, 10, inSeconds(60));
    expect(await one.observe(ORDER)).toMatchObject({ refused: true, reason: expect.stringMatching(reason) });
    await one.giveBack(ORDER, CHAMPION);
    expect(asked).toEqual([]);
  });

  it.each([
    'http://169.254.169.254/latest',
    'http://[fe80::1]/',
    'http://0.0.0.0:1/',
    'http://[::ffff:169.254.169.254]/',
  ])('never leads to %s', async (forbidden) => {
    const one = router({ webhooks: new Map([['edge', forbidden]]) });
    expect((await one.observe(ORDER)).reason).toMatch(/address is not allowed/);
  });

  it.each([
    ['10.0.0.7', false],
    ['127.0.0.1', false],
    ['fd12::1', false],
    ['203.0.113.9', false],
    ['169.254.0.1', true],
    ['224.0.0.1', true],
    ['255.255.255.255', true],
    ['::ffff:169.254.1.1', true],
    ['::ffff:a9fe:a9fe', true],
    ['64:ff9b::a9fe:a9fe', true],
  ])('may dial %s: forbidden %s', (address, forbidden) => {
    expect(isForbidden(address)).toBe(forbidden);
  });
});
