import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PrometheusClient } from './client.js';
import { PrometheusUnavailable, QueryNotExecuted, QueryRefused } from './errors.js';
import { type Answering, refusal, scalar, ScriptedPrometheus, vector } from './testing/index.js';

const LIMITS = { timeoutMs: 300, maxResponseBytes: 2_000, bearerTokenFile: undefined };

let server: ScriptedPrometheus;
beforeAll(async () => {
  server = await new ScriptedPrometheus().start();
});
afterAll(() => server.stop());

const ask = (answering: Answering, settings: Partial<ConstructorParameters<typeof PrometheusClient>[0]> = {}) => {
  server.answering = answering;
  return new PrometheusClient({ url: server.url, ...LIMITS, ...settings }).query('up');
};
const says =
  (text: string): Answering =>
  (_, response) =>
    response.end(text);

describe('PrometheusClient', () => {
  it('gives the numbers of a vector, also those that are none', async () => {
    const text = vector([
      [{ a: '1' }, '0.5'],
      [{}, 'NaN'],
      [{}, '+Inf'],
      [{}, '-Inf'],
    ]);
    const { type, samples, warnings } = await ask(says(text));
    expect([type, samples.map(({ value }) => value), warnings]).toEqual([
      'vector',
      [0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [],
    ]);
    expect(samples[0]?.labels).toEqual({ a: '1' });
    expect(Math.abs((samples[0]?.at.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  it('gives a scalar, and knows the other types without their content', async () => {
    expect(await ask(says(scalar('7')))).toMatchObject({ type: 'scalar', samples: [{ value: 7 }] });
    const matrix = { status: 'success', data: { resultType: 'matrix', result: [{}] } };
    expect(await ask(says(JSON.stringify(matrix)))).toMatchObject({ type: 'matrix', samples: [] });
  });

  it('keeps what the answer says against itself', async () => {
    const text = vector([[{}, '1']], { warnings: ['one store is away'], infos: ['not a counter'] });
    expect((await ask(says(text))).warnings).toEqual(['one store is away', 'not a counter']);
  });

  it('has no number for a native histogram', async () => {
    const result = [{ metric: {}, histogram: [1, { count: '1' }] }];
    const { samples } = await ask(says(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } })));
    expect(samples.map(({ value }) => value)).toEqual([Number.NaN]);
  });

  it('sends the query, the limit of time and the token of the present moment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
    const bearerTokenFile = join(folder, 'token');
    const seen: unknown[] = [];
    const answering: Answering = (form, response, { url, headers }) => {
      seen.push([url, form.get('query'), form.get('timeout'), headers.authorization]);
      response.end(scalar('1'));
    };
    try {
      for (const token of ['one\n', 'two\n']) {
        await writeFile(bearerTokenFile, token);
        await ask(answering, { url: `${server.url}/prefix/`, timeoutMs: 5_000, bearerTokenFile });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    expect(seen).toEqual([
      ['/prefix/api/v1/query', 'up', '4750ms', 'Bearer one'],
      ['/prefix/api/v1/query', 'up', '4750ms', 'Bearer two'],
    ]);
    await expect(ask(answering, { bearerTokenFile })).rejects.toMatchObject({ failure: 'refused' });
  });

  it.each<[string, Answering, string]>([
    ['times out itself', refusal(503, 'timeout', 'query timed out'), 'timeout'],
    ['never answers', () => undefined, 'timeout'],
    ['stops in the middle', (_, response) => void response.write('{"status":'), 'timeout'],
    [
      'cuts the answer off',
      (_, response) => void response.writeHead(200, { 'content-length': 99 }).end('{'),
      'timeout',
    ],
    ['breaks the connection', (_, response) => void response.destroy(), 'unreachable'],
    ['is ill', refusal(500, 'internal', 'no disk'), 'server'],
    ['is behind something that is ill', (_, response) => void response.writeHead(502).end('<html>'), 'server'],
    ['is busy', (_, response) => void response.writeHead(429).end(), 'overloaded'],
    ['wants another login', (_, response) => void response.writeHead(401).end(), 'refused'],
    ['is somewhere else', (_, response) => void response.writeHead(302, { location: '/x' }).end(), 'refused'],
    ['has another API', (_, response) => void response.writeHead(404).end('not here'), 'refused'],
    ['refuses in other words', (_, response) => void response.writeHead(400).end('<html>'), 'garbage'],
    ['speaks no JSON', says('<html>'), 'garbage'],
    ['speaks other JSON', says('{"status":"success","data":{"resultType":"vector"}}'), 'garbage'],
    ['is cut off within the JSON', says(vector([[{}, '1']]).slice(0, -5)), 'garbage'],
    ['says too much', says(vector([[{ a: 'x'.repeat(3_000) }, '1']])), 'too-large'],
  ])('cannot use a Prometheus that %s', async (_, answering, failure) => {
    const error: unknown = await ask(answering).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PrometheusUnavailable);
    const expected = failure === 'timeout' ? ['timeout', 'unreachable'] : [failure];
    expect(expected).toContain((error as PrometheusUnavailable).failure);
  });

  it('is told when there is nobody', async () => {
    const url = 'http://127.0.0.1:9';
    await expect(new PrometheusClient({ url, ...LIMITS }).query('up')).rejects.toMatchObject({
      failure: 'unreachable',
    });
  });

  it('tells a wrong question from one that the data does not allow', async () => {
    await expect(ask(refusal(400, 'bad_data', 'parse error'))).rejects.toBeInstanceOf(QueryRefused);
    await expect(ask(refusal(422, 'execution', 'many-to-many'))).rejects.toBeInstanceOf(QueryNotExecuted);
  });
});
