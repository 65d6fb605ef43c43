import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EXIT } from './failure.js';
import { runCli } from './program.js';

const ID = 'digits-t1-c1-r';
const READING = {
  gate: { kind: 'error-ratio', max: 0.01, minimumSamples: 30 },
  ...{ verdict: 'UNDECIDED', reason: '0 errors in 12, 30 needed' },
  evidence: [{ name: 'error_ratio', value: 0, samples: 12, newestAt: '2026-01-01T00:00:05.000Z', query: 'q' }],
};
const TRAFFIC = {
  ...{ set: 10, setAt: '2026-01-01T00:00:00.000Z', actual: null, actualAt: '2026-01-01T00:00:03.000Z' },
};
const rolloutAt = (status: object) => ({
  ...{ id: ID, model: 'digits', revision: 7, request: null },
  spec: {
    ...{
      candidate: 'digits-t1-c1',
      candidateVersion: `sha256:${'b'.repeat(64)}`,
      champion: `sha256:${'a'.repeat(64)}`,
    },
    policy: { steps: [{ weight: 10 }, { weight: 50 }] },
  },
  status: { traffic: TRAFFIC, ...status },
  observed: { readings: [READING], actualReason: 'unseen', routerError: 'the API server is away', closingAttempts: 3 },
  schedule: {
    ...{ readyAt: null, confirmSecondsLeft: 42 },
    steps: [{ step: 0, weight: 10, state: 'present', from: null, until: null, holdSeconds: 3, waitsFor: ['sight'] }],
    deadlines: [{ at: '2026-01-01T00:01:00.000Z', what: 'roll-back unless it can be seen' }],
  },
});
const DECISION = {
  ...{ seq: 3, at: '2026-01-01T00:00:06.000Z', policy: `sha256:${'c'.repeat(64)}`, functions: 'rollouts/1' },
  before: { phase: 'Progressing', step: 0 },
  observation: {
    ...{ actualWeight: 10, readings: [READING] },
    request: { verb: 'abort', by: 'ann', reason: 'enough' },
  },
  decision: {
    status: { phase: 'Aborted', reason: 'enough', by: 'ann' },
    ...{ traffic: 'give-back', answered: null },
  },
};

describe('rollouts on the command line', () => {
  let server: Server;
  let answers: Record<string, unknown>;
  let keys: (string | undefined)[];
  /** How many of the next connections break. */
  let broken = 0;
  let out: string[];
  let err: string[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const key = `${request.method} ${request.url?.replace('/api/v1', '')}`;
      if (request.method === 'POST') keys.push(request.headers['idempotency-key'] as string | undefined);
      if (broken > 0) {
        broken -= 1;
        request.socket.destroy();
        return;
      }
      const body = answers[key];
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body ?? { detail: `There is no ${key}.` }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  afterAll(() => new Promise((done) => server.close(done)));
  beforeEach(() => {
    answers = { 'GET /models/digits/rollouts': { items: [{ id: ID }] } };
    [keys, out, err, broken] = [[], [], [], 0];
  });

  const run = (...args: string[]) =>
    runCli(args, {
      env: { RATCHET_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
      out: (text) => out.push(text),
      err: (text) => err.push(text),
    });
  const at = (status: object) => (answers[`GET /rollouts/${ID}`] = rolloutAt(status));

  it('show set and actual weight apart, the gates, and what happens by itself', async () => {
    at({ phase: 'Progressing', step: 0 });
    expect(await run('rollout', 'get', 'digits')).toBe(EXIT.ok);
    const text = out.join('\n');
    expect(text).toMatch(/phase +Progressing, step 1 of 2/);
    expect(text).toMatch(/set weight +10 % since 2026-01-01 00:00:00Z/);
    expect(text).toMatch(/actual +cannot be seen since .* \(unseen\)/);
    expect(text).toMatch(/confirm by +42 s left/);
    expect(text).toMatch(/error-ratio +guardrail +UNDECIDED +12/);
  });

  it('say that traffic is being given back, and why that takes long', async () => {
    at({ phase: 'RolledBack', step: 0, reason: 'too slow', givenBackAt: null });
    await run('rollout', 'get', ID);
    expect(out.join('\n')).toMatch(/router +the API server is away\ngiving back +stated 3 times/);
  });

  it.each<[object, number]>([
    [{ phase: 'Promoted' }, 0],
    [{ phase: 'RolledBack', reason: 'too slow' }, 1],
    [{ phase: 'Aborted', reason: 'enough' }, 1],
    [{ phase: 'Progressing', step: 0 }, 2],
    [{ phase: 'Ready' }, 2],
    [{ phase: 'Paused', step: 0, cause: 'person' }, 3],
    [{ phase: 'Paused', step: 0, cause: 'signal' }, 3],
    [{ phase: 'AwaitingApproval', step: 1 }, 3],
  ])('status of %j exits %d', async (status, code) => {
    at(status);
    expect(await run('rollout', 'status', 'digits', '--timeout', '0s')).toBe(code);
  });

  it('refuse a timeout that is none, and a name that nobody has', async () => {
    expect(await run('rollout', 'status', ID, '--timeout', 'soon')).toBe(EXIT.usage);
    expect(await run('rollout', 'get', 'nobody')).toBe(EXIT.refused);
    expect(err.join('\n')).toMatch('There is no GET /rollouts/nobody');
    answers['GET /models/quiet/rollouts'] = { items: [] };
    await run('rollout', 'get', 'quiet');
    expect(err.at(-1)).toMatch('The model quiet had no rollout yet');
  });

  it('are explained by every decision with its threshold, evidence, and who asked', async () => {
    at({ phase: 'Aborted', reason: 'enough' });
    answers[`GET /rollouts/${ID}/decisions?after=0&limit=1000`] = { items: [DECISION] };
    expect(await run('explain', 'digits')).toBe(EXIT.ok);
    expect(out.join('\n').split('\n')).toEqual([
      `${ID} shifts traffic to bbbbbbbbbbbb against aaaaaaaaaaaa by policy cccccccccccc, functions rollouts/1.`,
      '',
      '2026-01-01 00:00:06Z  #3  Progressing step 1 → Aborted, give-back (actual 10 %)',
      '  because   enough',
      '  asked     abort by ann: enough',
      '  UNDECIDED error-ratio (guardrail; max 0.01): 0 errors in 12, 30 needed [error_ratio = 0 of 12, newest 2026-01-01 00:00:05Z]',
      'It is Aborted now.',
    ]);
  });

  it('send a verb again with the same key when the connection breaks', async () => {
    at({ phase: 'Progressing', step: 0 });
    answers[`POST /rollouts/${ID}/advance`] = { id: ID, status: { phase: 'Progressing' } };
    const get = `GET /rollouts/${ID}`;
    expect(answers[get]).toBeDefined();
    const sent = run('rollout', 'advance', ID, '--reason', 'enough seen');
    expect(await sent).toBe(EXIT.ok);
    answers[`POST /promotions/${ID}/rollback`] = { id: 'back', status: { phase: 'Promoted' } };
    broken = 2;
    expect(await run('rollback', ID, '--reason', 'users complain')).toBe(EXIT.ok);
    expect(keys).toHaveLength(4);
    expect(new Set(keys.slice(1)).size).toBe(1);
    expect(keys[0]).not.toBe(keys[1]);
    broken = 3;
    expect(await run('rollback', ID, '--reason', 'users complain')).toBe(EXIT.unreachable);
  });
});
