import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EXIT } from './failure.js';
import { runCli } from './program.js';

interface Seen {
  readonly request: string;
  readonly body: string;
  readonly authorization: string | undefined;
}

describe('the command line', () => {
  let server: Server;
  let url: string;
  let folder: string;
  let answers: Record<string, { status?: number; body: unknown }>;
  let seen: Seen[];
  let out: string[];
  let err: string[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const key = `${request.method} ${request.url?.replace('/api/v1', '')}`;
        const body = Buffer.concat(chunks);
        seen.push({ request: key, body: body.toString('utf8'), authorization: request.headers.authorization });
        const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
        const stored: { status?: number; body: unknown } = { body: { digest, sizeBytes: body.length } };
        const answer =
          answers[key] ?? (key === 'POST /artifacts' ? stored : { status: 404, body: { detail: `No ${key}.` } });
        response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
        response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => server.close(done)));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-'));
    [answers, seen, out, err] = [{}, [], [], []];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    runCli(args, {
      env: { RATCHET_URL: url, RATCHET_TOKEN: 'rt_x' },
      out: (text) => out.push(text),
      err: (text) => err.push(text),
    });

  it('applies a document with its reference beside it', async () => {
    await writeFile(join(folder, 'm.onnx'), 'weights');
    await writeFile(
      join(folder, 'model.yaml'),
      'metadata: {name: digits}\nspec:\n  reference: {artifact: ./m.onnx, evaluation: {accuracy: 0.9}}\n',
    );
    answers['PUT /models/digits'] = { body: { id: 'digits', change: 'created', status: { generation: 1 } } };
    expect(await run('apply', '-f', join(folder, 'model.yaml'))).toBe(EXIT.ok);
    expect(out).toEqual(['model digits created (generation 1)']);
    expect(seen.map(({ request }) => request)).toEqual(['POST /artifacts', 'PUT /models/digits']);
    expect(seen[0]).toMatchObject({ body: 'weights', authorization: 'Bearer rt_x' });
    const digest = `sha256:${createHash('sha256').update('weights').digest('hex')}`;
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({
      metadata: { name: 'digits' },
      spec: { reference: { digest, evaluation: { accuracy: 0.9 } } },
    });
  });

  it('says every fault of a refused document in a line of its own', async () => {
    await writeFile(join(folder, 'model.yaml'), 'metadata: {name: digits}\n');
    const faults = [
      { path: 'spec.task', message: 'is missing' },
      { path: '', message: 'is odd' },
    ];
    answers['PUT /models/digits'] = {
      status: 400,
      body: { detail: 'The model document has 2 faults: spec.task: …', faults },
    };
    expect(await run('apply', '-f', join(folder, 'model.yaml'))).toBe(EXIT.refused);
    expect(err).toEqual(['ratchet: The model document has 2 faults:\n  spec.task: is missing\n  is odd']);
  });

  it.each([
    ['no file', undefined, 'There is no file'],
    ['no YAML', 'a: [1, 2', 'is no YAML'],
    ['aliases', 'a: &a [1]\nb: *a\n', 'Alias'],
    ['no name', 'spec: {}', 'metadata.name'],
    ['too much', `a: ${'x'.repeat(300_000)}`, 'at most'],
  ])('refuses a document file with %s', async (_, content, message) => {
    const file = join(folder, 'model.yaml');
    if (content !== undefined) await writeFile(file, content);
    expect(await run('apply', '-f', file)).toBe(EXIT.usage);
    expect(err[0]).toContain(message);
  });

  it('prints a list as a table, as JSON or as YAML', async () => {
    const items = [
      {
        id: 'digits-t1',
        model: 'digits',
        spec: { cause: 'world-changed' },
        status: { phase: 'Open' },
        createdAt: '2026-01-01T10:00:00.000Z',
      },
    ];
    answers['GET /models/digits/triggers'] = { body: { items } };
    for (const format of ['table', 'json', 'yaml']) await run('get', 'triggers', '-m', 'digits', '-o', format);
    expect(out[0]?.split('\n')).toEqual([
      'ID         PHASE  OUTCOME  CAUSE          RECIPE  CREATED',
      'digits-t1  Open   –        world-changed  –       2026-01-01 10:00:00Z',
    ]);
    expect(JSON.parse(out[1] ?? '')).toEqual({ items });
    expect(out[2]).toContain('cause: world-changed');
  });

  it('needs no model name when there is only one, and asks when there are more', async () => {
    answers['GET /models'] = { body: { items: [{ id: 'digits' }] } };
    answers['GET /models/digits/jobs'] = { body: { items: [] } };
    expect(await run('get', 'jobs')).toBe(EXIT.ok);
    expect(out).toEqual(['There is nothing.']);
    answers['GET /models'] = { body: { items: [{ id: 'digits' }, { id: 'letters' }] } };
    expect(await run('get', 'jobs')).toBe(EXIT.usage);
    expect(err[0]).toContain('digits, letters');
  });

  it.each([
    [
      ['approve', 'digits-t1-c1-p', '--reason', 'looks good'],
      'POST /promotions/digits-t1-c1-p/approve',
      { reason: 'looks good' },
      'approve of it is taken; it is Done now',
    ],
    [
      ['abort', 'digits-t1-c1-r', '--reason', 'complaints'],
      'POST /rollouts/digits-t1-c1-r/abort',
      { reason: 'complaints' },
      'abort of it is taken; it is Done now',
    ],
    [
      ['trigger', 'digits', '--reason', 'new data'],
      'POST /models/digits/triggers',
      { reason: 'new data' },
      'it is Done',
    ],
  ])('%j does %s', async (args, request, body, said) => {
    answers[request] = { body: { id: 'it', status: { phase: 'Done' } } };
    expect(await run(...args)).toBe(EXIT.ok);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual(body);
    expect(out).toEqual([said]);
  });

  it('keeps what a user typed inside its path segment', async () => {
    await run('abort', '../../admin?x=#1', '--reason', 'x');
    expect(seen[0]?.request).toBe('POST /rollouts/..%2F..%2Fadmin%3Fx%3D%231/abort');
  });

  it('sends labels in batches and sums what was said of them', async () => {
    const labels = Array.from({ length: 2_500 }, (_, at) => ({ requestId: `r${at}`, label: 1 }));
    await writeFile(join(folder, 'labels.json'), JSON.stringify({ labels }));
    answers['POST /models/digits/labels'] = { body: { joined: 10, unknown: 1 } };
    expect(await run('label', 'digits', '-f', join(folder, 'labels.json'))).toBe(EXIT.ok);
    expect(seen).toHaveLength(2);
    expect(out).toEqual(['2500 labels sent: joined 20, unknown 2']);
  });

  it('prints nothing but the token on standard output', async () => {
    answers['POST /tokens'] = { body: { id: 'abc', token: 'rt_abc_secret' } };
    expect(await run('token', 'create', 'ann', '--role', 'viewer')).toBe(EXIT.ok);
    expect(out).toEqual(['rt_abc_secret']);
  });

  describe('dlq', () => {
    const letter = {
      ...{ id: 7, topic: 'events', partition: 1, offset: 42, model: null, sizeBytes: 3, format: 'native', headers: {} },
      ...{ reason: { class: 'not-json', detail: 'is not JSON' }, sha256: 'sha256:ab', at: '2026-01-01T10:00:00.000Z' },
      ...{ head: 'a\u001b[', headHex: '611b5b', replayedAt: null, replayedBy: null, notReplayable: null },
    };

    it('lists with filters, and says when there is more', async () => {
      const query = 'limit=50&model=digits&class=not-json&since=2026-01-01T00%3A00%3A00.000Z';
      answers[`GET /telemetry/dead-letters?${query}`] = { body: { items: [letter], next: 7 } };
      expect(await run('dlq', 'list', '-m', 'digits', '--class', 'not-json', '--since', '2026-01-01')).toBe(EXIT.ok);
      expect(out[0]?.split('\n')[1]).toMatch(
        /^7 +2026-01-01 10:00:00Z +not-json +– +events +1 +42 +3 +– +is not JSON$/,
      );
      expect(err).toEqual(['there are more: --before 7']);
    });

    it('shows one with its bytes as text and in hexadecimal, and no control characters', async () => {
      answers['GET /telemetry/dead-letters/7'] = { body: letter };
      await run('dlq', 'show', '7');
      expect(out[0]).toContain('PLACE       topic events, partition 1, offset 42');
      expect(out[0]).toContain('TEXT\na·[\n\nHEX\n0000  61 1b 5b');
      await run('dlq', 'show', '7', '-o', 'json');
      expect(JSON.parse(out[1] ?? '')).toEqual(letter);
    });

    it('replays one, or all that a filter leaves', async () => {
      const report = { replayed: 1, refused: 0, skipped: [{ id: 3, reason: 'it was replayed meanwhile' }] };
      answers['POST /telemetry/dead-letters/7/replay'] = { body: report };
      answers['POST /telemetry/dead-letters/replay'] = { body: report };
      expect(await run('dlq', 'replay', '7', '--reason', 'mended')).toBe(EXIT.ok);
      expect(await run('dlq', 'replay', '--all', '--class', 'unknown-model', '--reason', 'mended')).toBe(EXIT.ok);
      expect(seen.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
        { reason: 'mended' },
        { reason: 'mended', class: 'unknown-model', limit: 100 },
      ]);
      expect(out[0]).toBe('1 replayed; 0 of them refused again (as new letters)');
      expect(err[0]).toBe('3 was left out: it was replayed meanwhile');
    });

    it.each([
      [['dlq', 'show', '../x'], 'must be a whole number'],
      [['dlq', 'replay', '--reason', 'x'], 'either one ID, or --all'],
      [['dlq', 'replay', '7', '--all', '--reason', 'x'], 'either one ID, or --all'],
      [['dlq', 'replay', '7', '-m', 'digits', '--reason', 'x'], 'Filters go with --all'],
      [['dlq', 'replay', '7'], '--reason'],
      [['dlq', 'list', '--since', 'yesterday'], 'is no time'],
    ])('%j is a mistake that is explained', async (args, message) => {
      expect(await run(...args)).toBe(EXIT.usage);
      expect(err.join('\n')).toContain(message);
    });
  });

  it('says that a folder is no document', async () => {
    expect(await run('apply', '-f', folder)).toBe(EXIT.usage);
    expect(err[0]).toContain('is a folder');
  });

  it.each([[['shear', '--help']], [['dlq', 'shear', '--help']], [['help', 'shear']], [['token', 'shear', '-h']]])(
    '%j does not end well, because there is no such command',
    async (args) => {
      expect(await run(...args)).toBe(EXIT.usage);
      expect(err[0]).toMatch(/unknown command "(\w+ )?shear"; there are: /);
    },
  );

  it.each([[['--help']], [['dlq', '--help']], [['dlq', 'replay', '--help']], [['help', 'get']]])(
    '%j explains itself',
    async (args) => {
      expect(await run(...args)).toBe(EXIT.ok);
      expect(out.join('')).toContain('Usage: ratchet');
    },
  );

  it('fails when the audit log is broken', async () => {
    answers['GET /audit/verify'] = { body: { intact: false, seq: 7, reason: 'entry 7 is missing' } };
    expect(await run('audit', 'verify')).toBe(EXIT.refused);
    expect(err).toEqual(['ratchet: The audit log is broken at entry 7: entry 7 is missing.']);
  });

  it.each([
    [['get', 'sheep'], EXIT.usage, 'no kind "sheep"'],
    [['get', 'jobs', '-o', 'xml'], EXIT.usage, 'xml'],
    [['shear'], EXIT.usage, 'unknown command'],
    [['abort', 'digits-t1-c1-r'], EXIT.usage, '--reason'],
    [['reject', 'digits-t1-c1-p'], EXIT.usage, '--reason'],
    [['get', 'models', '--url', 'ftp://x'], EXIT.usage, 'no http'],
    [['get', 'models', '--url', 'http://127.0.0.1:1'], EXIT.unreachable, 'Cannot reach Ratchet at http://127.0.0.1:1'],
  ])('%j ends with %d', async (args, code, message) => {
    expect(await run(...args)).toBe(code);
    expect(err.join('\n')).toContain(message);
  });

  it('says it plainly when something else answers', async () => {
    answers['GET /models'] = { body: '<html>' };
    expect(await run('get', 'models')).toBe(EXIT.refused);
    expect(err[0]).toContain('does not answer like Ratchet');
  });
});
