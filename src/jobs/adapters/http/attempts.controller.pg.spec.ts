import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, type Digest } from '../../../kernel/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { ArtifactStore } from '../../../models/index.js';
import { openTestArtifacts } from '../../../models/testing/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { BrokenReport } from '../../domain/errors.js';
import { attemptOf, type JobAttempt } from '../../domain/job.js';
import { jobsPersistence } from '../../persistence.js';
import { digestOf, documentAbout } from '../../testing/attempts.js';
import { openController } from '../../testing/http.js';
import { reportOf } from '../../testing/jobs.js';
import { AttemptUploads } from '../exchange/attempt-uploads.js';
import { Listening } from '../exchange/listening.js';
import { StoredAttemptExchange } from '../exchange/stored-attempt-exchange.js';
import { AttemptTable } from '../postgres/attempt-table.js';
import { AttemptCredential } from './attempt-credential.js';
import { AttemptsController } from './attempts.controller.js';

const MOST_OUTPUT = 10_000;
const KEEP_HOURS = 2;
const HOUR_MS = 3_600_000;

describe('the job API for attempts', () => {
  let test: TestDatabase;
  let stored: Awaited<ReturnType<typeof openTestArtifacts>>;
  let app: NestFastifyApplication;
  let table: AttemptTable;
  let clock: FakeClock;
  let exchange: StoredAttemptExchange;
  let inputs: Record<'reference' | 'champion' | 'train', Digest>;
  const train = randomBytes(200_000);

  let attempt: JobAttempt;
  let token: string;
  let counter = 0;

  beforeAll(async () => {
    test = await openTestDatabase([jobsPersistence]);
    stored = await openTestArtifacts();
    table = new AttemptTable(test.db);
    const uploads = new AttemptUploads(table, stored.staging, test.db, { maxOutputBytes: MOST_OUTPUT });
    app = await openController(AttemptsController, [
      { provide: Database, useValue: test.db },
      { provide: AttemptTable, useValue: table },
      { provide: AttemptUploads, useValue: uploads },
      { provide: ArtifactStore, useValue: stored.artifacts },
      AttemptCredential,
    ]);
    clock = app.get(Clock);
    exchange = startedAnew();
    const put = async (bytes: Buffer) => (await stored.artifacts.putBytes(bytes)).digest;
    inputs = { reference: await put(randomBytes(10)), champion: await put(randomBytes(10)), train: await put(train) };
  }, 60_000);
  afterAll(async () => {
    await app.close();
    await test.close();
    await stored.close();
  });
  beforeEach(async () => {
    counter += 1;
    attempt = attemptOf('digits-t1-job', counter);
    ({ token } = await exchange.open(attempt, documentAbout(inputs)));
  });

  function startedAnew(): StoredAttemptExchange {
    return new StoredAttemptExchange(table, stored.staging, new Listening(clock), clock, { keepHours: KEEP_HOURS });
  }

  async function call(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: object | Buffer,
    headers: Record<string, string> = {},
  ) {
    const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
    return app.inject({
      method,
      url: `/api/v1/attempts/${attempt.name}/${path}`,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
  }

  async function send(file: string, bytes: Buffer, partBytes = bytes.length) {
    const parts: Digest[] = [];
    for (let at = 0; at < bytes.length; at += partBytes) {
      const part = bytes.subarray(at, at + partBytes);
      parts.push(digestOf(part));
      const answer = await call('PUT', `parts/${digestOf(part)}`, part);
      if (answer.statusCode !== 200) return answer;
    }
    return call('PUT', `files/${file}`, { digest: digestOf(bytes), sizeBytes: bytes.length, parts });
  }

  const artifact = (bytes: Buffer, file = 'candidate.onnx') => ({
    ...{ file, digest: digestOf(bytes), sizeBytes: bytes.length },
    ...{ kind: 'compressed' as const, parent: inputs.reference },
  });

  describe('reading', () => {
    it('gives the document without paths of this machine', async () => {
      const document = (await call('GET', 'document')).json();
      expect(document).toMatchObject({ attempt: 'digits-t1-job-a1', data: { train: { rows: 10 } } });
      expect(document.data.train.path).toBe(`inputs/${inputs.train.slice(7)}`);
    });

    it('gives a file that the document names, whole or from where a connection broke', async () => {
      const whole = await call('GET', `inputs/${inputs.train}`);
      expect([whole.statusCode, whole.headers['content-length'], whole.headers['etag']]).toEqual([
        200,
        '200000',
        `"${inputs.train}"`,
      ]);
      expect(digestOf(whole.rawPayload)).toBe(inputs.train);
      const rest = await call('GET', `inputs/${inputs.train}`, undefined, { range: 'bytes=199990-' });
      expect([rest.statusCode, rest.headers['content-range']]).toEqual([206, 'bytes 199990-199999/200000']);
      expect(rest.rawPayload).toEqual(train.subarray(199_990));
    });

    it('gives nothing else, be it stored or not', async () => {
      const other = await stored.artifacts.putBytes(Buffer.from('somebody else’s model'));
      for (const digest of [other.digest, `sha256:${'0'.repeat(64)}`, '..%2F..%2Fetc%2Fpasswd'])
        expect((await call('GET', `inputs/${digest}`)).statusCode).toBe(404);
    });
  });

  describe('telling', () => {
    it('keeps the newest sign of life and what came with it', async () => {
      clock.advance(1000);
      const progress = { step: 'calibrate', fraction: 0.25, message: 'batch 2' };
      const beat = await call('POST', 'heartbeat', { progress, logTail: 'half a pair \ud800 and \0', outputBytes: 7 });
      expect([beat.statusCode, beat.json()]).toEqual([200, { ended: false }]);
      clock.advance(1000);
      expect((await call('POST', 'heartbeat', {})).statusCode).toBe(200);
      expect(await exchange.news(attempt)).toEqual({
        ...{
          heartbeatAt: clock.now(),
          progress,
          logTail: 'half a pair \ufffd and \ufffd',
          outputBytes: 7,
          ended: null,
        },
      });
    });

    it.each([
      [{ progress: { step: 'x', fraction: 1.5, message: '' } }],
      [{ logTail: 'x'.repeat(20_000) }],
      [{ outputBytes: -1 }],
      [{ unknown: 1 }],
    ])('refuses the heartbeat %j', async (body) => {
      const answer = await call('POST', 'heartbeat', body);
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([
        400,
        'application/problem+json; charset=utf-8',
      ]);
    });

    it('counts silence only while somebody listens', async () => {
      await call('POST', 'heartbeat', {});
      const told = clock.now();
      clock.advance(120_000);
      expect((await exchange.news(attempt)).heartbeatAt).toEqual(told);
      const restarted = startedAnew();
      clock.advance(10_000);
      expect((await restarted.news(attempt)).heartbeatAt).toEqual(new Date(told.getTime() + 120_000));
    });

    it('takes the first last word, and nothing after it', async () => {
      const error = { code: 'limit-exceeded', message: 'too long', faults: ['by 3 s'] };
      expect((await call('POST', 'end', { exitCode: 5, error })).json()).toEqual({ exitCode: 5 });
      expect((await call('POST', 'end', { exitCode: 0 })).json()).toEqual({ exitCode: 5 });
      expect((await call('POST', 'heartbeat', {})).json()).toEqual({ ended: true });
      expect((await call('PUT', 'report', Buffer.from('{}'))).statusCode).toBe(409);
      expect((await send('late.onnx', Buffer.from('late'))).statusCode).toBe(409);
      expect((await exchange.news(attempt)).ended).toEqual({ exitCode: 5, error: 'too long; by 3 s', at: clock.now() });
    });
  });

  describe('sending', () => {
    it('puts a file together from parts; what arrived already need not come again', async () => {
      const bytes = randomBytes(2500);
      expect((await send('candidate.onnx', bytes, 1000)).statusCode).toBe(200);
      expect((await call('GET', 'files')).json()).toMatchObject({
        files: [{ file: 'candidate.onnx', digest: digestOf(bytes), sizeBytes: 2500 }],
        parts: { length: 3 },
      });
      expect((await send('candidate.onnx', bytes, 1000)).statusCode).toBe(200);
      expect(await readFile(await exchange.outputPath(attempt, artifact(bytes)))).toEqual(bytes);
      expect((await exchange.news(attempt)).outputBytes).toBe(2500);
    });

    it('replaces a file that was made anew', async () => {
      await send('candidate.onnx', Buffer.from('first'));
      const second = Buffer.from('second');
      expect((await send('candidate.onnx', second)).statusCode).toBe(200);
      expect(await readFile(await exchange.outputPath(attempt, artifact(second)), 'utf8')).toBe('second');
    });

    it('refuses bytes that are not what was announced, and keeps nothing of them', async () => {
      const [a, b] = [Buffer.from('a'), Buffer.from('b')];
      const wrong = await call('PUT', `parts/${digestOf(a)}`, b);
      expect([wrong.statusCode, wrong.json().title]).toEqual([422, 'Upload mismatch']);
      expect(wrong.json().detail).toContain(`announced as ${digestOf(a)}`);
      await call('PUT', `parts/${digestOf(a)}`, a);
      await call('PUT', `parts/${digestOf(b)}`, b);
      const file = (parts: Digest[], sizeBytes: number) =>
        call('PUT', 'files/ab', { digest: digestOf(Buffer.from('ab')), sizeBytes, parts });
      expect((await file([digestOf(b), digestOf(a)], 2)).statusCode).toBe(422);
      expect((await file([digestOf(a)], 1)).statusCode).toBe(422);
      expect((await file([digestOf(a), digestOf(b)], 3)).statusCode).toBe(422);
      expect((await file([digestOf(Buffer.from('c'))], 1)).json().detail).toContain('did not arrive');
      expect((await call('GET', 'files')).json().files).toEqual([]);
      expect((await file([digestOf(a), digestOf(b)], 2)).statusCode).toBe(200);
    });

    it('takes no more than an attempt may write, and says how much it was', async () => {
      expect((await send('one', randomBytes(6000))).statusCode).toBe(200);
      const refused = await send('two', randomBytes(6000));
      expect([refused.statusCode, refused.json()]).toEqual([
        413,
        expect.objectContaining({ bytes: 12_000, most: MOST_OUTPUT, code: 'too_large' }),
      ]);
      expect((await exchange.news(attempt)).outputBytes).toBe(12_000);
      const repeated = digestOf(Buffer.from('x'));
      await call('PUT', `parts/${repeated}`, Buffer.from('x'));
      const bomb = { digest: repeated, sizeBytes: MOST_OUTPUT + 1, parts: [repeated] };
      expect((await call('PUT', 'files/bomb', bomb)).statusCode).toBe(413);
    });

    it.each(['../x', '.hidden', 'a b', 'x'.repeat(201)])('takes no file called %j', async (file) => {
      const body = { digest: digestOf(Buffer.from('x')), sizeBytes: 1, parts: [digestOf(Buffer.from('x'))] };
      expect((await call('PUT', `files/${encodeURIComponent(file)}`, body)).statusCode).toBe(400);
    });

    it('keeps a report as it is and reads it like any other', async () => {
      await expect(exchange.report(attempt)).rejects.toThrow('there is no report.json');
      await call('PUT', 'report', Buffer.from('{"schema": NaN'));
      await expect(exchange.report(attempt)).rejects.toThrow(BrokenReport);
      const good = { ...reportOf(), attempt: attempt.name };
      expect((await call('PUT', 'report', good)).statusCode).toBe(200);
      expect(await exchange.report(attempt)).toEqual(good);
      expect((await call('PUT', 'report', Buffer.alloc(4 * 1024 * 1024 + 1))).statusCode).toBe(413);
    });

    it('gives out no file that the report describes otherwise, or that is gone', async () => {
      const bytes = Buffer.from('weights');
      await send('candidate.onnx', bytes);
      const refused = async (reported: ReturnType<typeof artifact>, reason: RegExp) => {
        await expect(exchange.outputPath(attempt, reported)).rejects.toThrow(reason);
        await expect(exchange.outputPath(attempt, reported)).rejects.toThrow(BrokenReport);
      };
      await refused({ ...artifact(bytes), sizeBytes: 8 }, /has 7 bytes, the report says 8/);
      await refused({ ...artifact(bytes), digest: digestOf(Buffer.from('other')) }, /the report says/);
      await refused(artifact(bytes, 'reference.onnx'), /was not sent/);
      await stored.staging.remove(attempt.name);
      await refused(artifact(bytes), /There is no artifact/);
    });
  });

  describe('the token', () => {
    const status = async () => (await call('GET', 'document')).statusCode;

    it('opens its own attempt only', async () => {
      const mine = token;
      const other = attemptOf('digits-t2-job', counter);
      await exchange.open(other, documentAbout(inputs));
      attempt = other;
      const refused = await call('GET', 'document');
      expect([refused.statusCode, refused.json().title]).toEqual([403, 'Anothers attempt']);
      token = `${mine.slice(0, -1)}${mine.endsWith('A') ? 'B' : 'A'}`;
      expect(await status()).toBe(401);
      token = 'ra_short';
      expect(await status()).toBe(401);
      token = 'viewer-token';
      expect(await status()).toBe(401);
      const bare = await app.inject({ url: `/api/v1/attempts/${attempt.name}/document` });
      expect([bare.statusCode, bare.headers['www-authenticate']]).toEqual([401, 'Bearer realm="ratchet"']);
    });

    it('is kept as a hash only', async () => {
      const rows = await test.db.query<{ row: string }>('SELECT attempt::text AS row FROM jobs.attempt');
      expect(rows.some(({ row }) => row.includes(token) || row.includes(token.slice(3)))).toBe(false);
    });

    it('is void once the attempt is closed, and when it is opened again', async () => {
      expect(await status()).toBe(200);
      const reopened = await exchange.open(attempt, documentAbout(inputs));
      expect(await status()).toBe(401);
      token = reopened.token;
      expect(await status()).toBe(200);
      await send('candidate.onnx', Buffer.from('kept'));
      await exchange.close(attempt);
      await exchange.close(attempt);
      expect(await status()).toBe(401);
      expect(await exchange.outputPath(attempt, artifact(Buffer.from('kept')))).toContain(attempt.name);
    });

    it('waits for its first call as long as attempts are kept, then has the time of its job', async () => {
      clock.advance(KEEP_HOURS * HOUR_MS - 1);
      expect(await status()).toBe(200);
      // 60 s of wall time and half an hour to deliver.
      clock.advance(60_000 + 1_800_000 - 1);
      expect(await status()).toBe(200);
      clock.advance(1);
      expect(await status()).toBe(401);
    });

    it('expires unused', async () => {
      clock.advance(KEEP_HOURS * HOUR_MS);
      expect(await status()).toBe(401);
    });
  });

  it('forgets what ended long ago, bytes and all, and what is known stays', async () => {
    const old = attempt;
    await send('candidate.onnx', Buffer.from('old'));
    clock.advance(HOUR_MS);
    const before = clock.now();
    clock.advance(1);
    attempt = attemptOf('digits-t3-job', counter);
    ({ token } = await exchange.open(attempt, documentAbout(inputs)));
    expect(await exchange.clear(new Set([old.name]), before)).not.toContain(old.name);
    const cleared = await exchange.clear(new Set(), before);
    expect(cleared).toContain(old.name);
    expect(cleared).not.toContain(attempt.name);
    expect(await readdir(join(stored.folder, 'staging'))).not.toContain(old.name);
    expect(await exchange.news(old)).toEqual({
      ...{ heartbeatAt: null, progress: null, outputBytes: 0, logTail: '', ended: null },
    });
    expect(await test.db.query('SELECT 1 FROM jobs.attempt_part WHERE attempt = $1', [old.name])).toEqual([]);
  });
});
