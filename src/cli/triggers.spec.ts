import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { EXIT } from './failure.js';
import { runCli } from './program.js';

const BUDGET = {
  runnerSeconds: { spentSeconds: 120, budgetSeconds: 100, leftSeconds: 0, renewsAt: '2026-01-02T00:00:10.000Z' },
  gpuSeconds: { spentSeconds: 0, budgetSeconds: 3600, leftSeconds: 3600, renewsAt: null },
  ...{ coolDownUntil: '2026-01-01T01:00:00.000Z', quietUntil: null, open: null, changedBy: 'digits-m1', dryRun: true },
  changes: [{ kind: 'rollout', id: 'digits-m1-r', phase: 'Paused' }],
};
const ESTIMATE = { rung: 0, tried: 4, promoted: 3, elsewhere: 0, success: 0.714, learned: true };
const REMEDIES = {
  items: [
    {
      ...{ cause: 'compression-damage', source: 'built-in', fault: null },
      remedies: [{ remedy: 'quantize-static', ...ESTIMATE, costSeconds: 40, secondsPerSuccess: 56 }],
    },
    { cause: 'latency', source: 'document', fault: 'spec.triggers.ladders.latency names a training.', remedies: [] },
  ],
};
const TRIGGER = {
  ...{ id: 'digits-t1', model: 'digits', createdAt: '2026-01-01T00:00:00.000Z' },
  spec: {
    ...{ cause: 'compression-damage', remedy: { name: 'quantize-static', recipe: 'quantize-static' } },
    reasons: ['The champion left its reference.'],
    findings: [
      { monitor: 'fidelity', state: 'alarm', explanation: '5 % differ.' },
      { monitor: 'latency', state: 'calm', explanation: 'Fast.' },
    ],
  },
  status: {
    ...{ phase: 'Resolved', outcome: 'promoted', detail: 'Promoted by auto.' },
    achieved: {
      ...{ decidedBy: 'promotions', candidate: 'digits-t1-c1', promotion: 'digits-t1-c1-p' },
      figures: { sizeRatio: 0.27, speedup: 2.1 },
    },
  },
  charge: { runnerSeconds: 41, gpuSeconds: 0 },
};
const ANSWERS: Record<string, unknown> = {
  'GET /models/digits/trigger-budget': BUDGET,
  'GET /models/digits/remedies': REMEDIES,
  'GET /triggers/digits-t1': TRIGGER,
  'GET /models/digits/decisions': {
    items: [{ action: 'wait', cause: 'latency', row: 'slow', reasons: ['Cool-down.'] }],
  },
  'POST /models/digits/triggers': { id: 'digits-t2', status: { phase: 'Open' } },
};

let server: Server;
let bodies: string[];
let out: string[];
let err: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      bodies.push(body);
      const answer = ANSWERS[`${request.method} ${request.url?.replace('/api/v1', '')}`];
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { detail: 'Not there.' }));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => new Promise((done) => server.close(done)));
beforeEach(() => {
  [bodies, out, err] = [[], [], []];
});

const run = (...args: string[]): Promise<number> =>
  runCli(args, {
    env: { RATCHET_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });

it.each<[string, string[], string[]]>([
  [
    'what holds triggers back and until when',
    ['triggers', 'budget', 'digits'],
    [
      '120 of 100 s spent in 24 hours, 0 s left; something is left again at 2026-01-02 00:00:10Z',
      'until 2026-01-01 01:00:00Z',
      'digits-m1, digits-m1-r (Paused)',
      'dry run',
    ],
  ],
  [
    'the ladder with its figures',
    ['triggers', 'ladder', 'digits'],
    ['compression-damage', 'quantize-static', '0.714', '56'],
  ],
  [
    'why a trigger was opened and what came of it',
    ['triggers', 'explain', 'digits-t1'],
    [
      'digits-t1 was opened for digits at 2026-01-01 00:00:00Z: compression-damage, quantize-static.',
      'because  The champion left its reference.',
      'alarm    fidelity: 5 % differ.',
      'It cost 41 s of runner time and 0 s of GPU time.',
      'It was promoted: Promoted by auto.',
      'promotion digits-t1-c1-p',
      'speedup: 2.1',
    ],
  ],
  ['decisions with their rows', ['decisions', 'digits'], ['slow', 'Cool-down.']],
])('shows %s', async (_, args, expected) => {
  expect(await run(...args)).toBe(EXIT.ok);
  for (const part of expected) expect(out.join('\n')).toContain(part);
});

it('says on standard error when a ladder of the document cannot be used', async () => {
  await run('triggers', 'ladder', 'digits');
  expect(err.join('\n')).toContain('latency names a training');
});

it('keeps findings that did not alarm out of an explanation', async () => {
  await run('triggers', 'explain', 'digits-t1');
  expect(out.join('\n')).not.toContain('Fast.');
});

it('opens a trigger with a remedy that a person chose', async () => {
  expect(await run('trigger', 'digits', '--reason', 'slow', '--recipe', 'quantize-static/percentile')).toBe(EXIT.ok);
  expect(JSON.parse(bodies[0]!)).toEqual({ reason: 'slow', recipe: 'quantize-static/percentile' });
  await run('trigger', 'digits', '--reason', 'slow');
  expect(JSON.parse(bodies[1]!)).toEqual({ reason: 'slow' });
});
