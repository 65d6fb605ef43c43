import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../src/cli/program.js';
import { buildOnnx } from '../src/models/testing/index.js';
import { recordHistory } from './support/histories.js';
import { ask, feed, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

type Body = Record<string, unknown>;
interface Seen extends Body {
  readonly revision: number;
  readonly status: Body & { readonly phase: string };
  readonly schedule: Body;
  readonly observed: Body;
}

const good = { kind: 'error-ratio', max: 0.5, minimumSamples: 5 };
const impossible = { kind: 'latency-p95', maxMs: 0.000_001, minimumSamples: 5 };
const ROLLOUT = {
  ...{ blindSeconds: 30, undecidedSeconds: 60, confirmSeconds: 30 },
  steps: [
    { weight: 20, holdSeconds: 0, gates: [good, { ...impossible, name: 'rehearsal', dryRun: true }], approval: true },
    { weight: 50, holdSeconds: 600, gates: [good] },
  ],
};

/** The whole program, a candidate that goes its way over real traffic, and people who step in with every verb. */
describe('the verbs of a rollout', () => {
  let app: WholeApp;
  let champion = '';
  let twin = '';
  const ID = 'tiny-m1';
  let traffic: NodeJS.Timeout | undefined;

  beforeAll(async () => {
    app = await startWholeApp(() => ({
      RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
      RATCHET_CANDIDATES_LATENCY_CALLS: '2',
    }));
    await serveTiny(app, 'tiny', { rollout: ROLLOUT });
    await feed(app, 'tiny', 300);
    champion = String((await get('models/tiny/route'))['stable']);
    twin = await app.upload(buildOnnx({ producer: 'verb' }));
    await app.call('POST', '/api/v1/models/tiny/candidates', { digest: twin });
    traffic = requests('tiny');
  }, 240_000);
  afterAll(async () => {
    clearInterval(traffic);
    await app.close();
  });

  /** As fast as it is answered, and no faster. */
  const requests = (model: string): NodeJS.Timeout => {
    let busy = false;
    return setInterval(() => {
      if (busy) return;
      busy = true;
      const batch = Array.from({ length: 20 }, (_, n) => ask(app, model, n % 4));
      void Promise.allSettled(batch).then(() => (busy = false));
    }, 50);
  };
  const get = async (path: string): Promise<Seen> => (await app.call('GET', `/api/v1/${path}`)).body as unknown as Seen;
  const post = async (path: string, headers: Record<string, string> = {}, reason = 'said so') => {
    const response = await fetch(`${app.url}/api/v1/${path}`, {
      ...{ method: 'POST', body: JSON.stringify({ reason }) },
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
  };
  const reaches = (id: string, phase: string, also: (seen: Seen) => boolean = () => true) =>
    until(
      `${phase} of ${id}`,
      async () => {
        const seen = await get(`rollouts/${id}`);
        return (seen as { status?: Body }).status?.['phase'] === phase && also(seen) ? seen : null;
      },
      150,
      async () => [await get(`rollouts/${id}`), await get(`experiments/${id.replace(/-r\d*$/, '-x')}`)],
    );
  const keep = async (name: string, id: string) =>
    recordHistory(name, {
      rollout: await get(`rollouts/${id}`),
      decisions: (await get(`rollouts/${id}/decisions`))['items'],
    });
  const cli = async (...args: string[]) => {
    const lines: string[] = [];
    const out = (text: string) => void lines.push(text);
    const code = await runCli(args, { env: { RATCHET_URL: app.url }, out, err: out });
    return { code, text: lines.join('\n') };
  };

  it('waits for its approval, which is taken once whatever the network does, and only on what is still so', async () => {
    const waiting = await reaches(`${ID}-r`, 'AwaitingApproval');
    expect(waiting.schedule).toMatchObject({
      readyAt: null,
      steps: [{ state: 'planned', weight: 20 }, { weight: 50 }],
    });
    expect(await cli('rollout', 'status', 'tiny', '--timeout', '1')).toMatchObject({ code: 3 });
    const path = `rollouts/${ID}-r/approve`;
    expect(await post(path, { 'if-match': `"${waiting.revision - 1}"` })).toMatchObject({ status: 412 });
    const key = { 'idempotency-key': randomUUID(), 'if-match': `"${waiting.revision}"` };
    expect(await post(path, key)).toMatchObject({ status: 202 });
    await reaches(`${ID}-r`, 'Progressing');
    const again = await post(path, key);
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await post(path)).toMatchObject({ status: 409 });
    expect((await get(`audit?subject=rollout/${ID}-r`))['items']).toHaveLength(1);
  }, 240_000);

  it('sets a weight and sees it, while a dry run that fails has no effect', async () => {
    const seen = await reaches(
      `${ID}-r`,
      'Progressing',
      ({ status }) => status['step'] === 1 && status['inForceSince'] !== null,
    );
    expect(seen.status).toMatchObject({ proven: 0, traffic: { set: 50, actual: 50 } });
    expect(seen.observed).toMatchObject({ routerError: null, confirmBy: expect.any(String) });
    const { items } = (await get(`rollouts/${ID}-r/decisions`)) as unknown as {
      items: { observation: { readings: Body[] } | null }[];
    };
    const read = items.flatMap(({ observation }) => observation?.readings ?? []);
    expect(read.filter(({ gate }) => (gate as Body)['name'] === 'rehearsal').map(({ verdict }) => verdict)).toContain(
      'FAIL',
    );
    const shown = await cli('rollout', 'get', 'tiny');
    expect(shown.text).toMatch(/set weight +50 %[\s\S]*actual +50 %[\s\S]*confirm by[\s\S]*WAITS FOR/);
  }, 240_000);

  it('pauses and goes on, advances once its gates see, and an abort wins over the promotion that follows', async () => {
    await post(`rollouts/${ID}-r/pause`);
    await reaches(`${ID}-r`, 'Paused');
    await post(`rollouts/${ID}-r/resume`);
    await until(
      'advance that is taken',
      async () => ((await post(`rollouts/${ID}-r/advance`)).status === 202 ? true : null),
      120,
    );
    await reaches(`${ID}-r`, 'Ready');
    const { body: aborted, status } = await post(`rollouts/${ID}-r/abort`, {}, 'planted');
    expect({ status, aborted }).toMatchObject({ status: 202 });
    expect(await post(`rollouts/${ID}-r/promote`)).toMatchObject({ status: 409 });
    const over = await reaches(`${ID}-r`, 'Aborted', (seen) => seen.status['givenBackAt'] !== null);
    expect(over.status['traffic']).toMatchObject({ set: 0, actual: 0 });
    expect(await cli('rollout', 'status', `${ID}-r`)).toMatchObject({ code: 1 });
    const explained = await cli('explain', `${ID}-r`);
    expect(explained.text).toMatch(/approve by loopback[\s\S]*PASS +error-ratio[\s\S]*Aborted[\s\S]*planted/);
    await keep('aborted', `${ID}-r`);
  }, 240_000);

  it('is tried again, once, and promoted early by an approver; then taken back without asking any gate', async () => {
    const retried = await post(`rollouts/${ID}-r/retry`, {}, 'mended');
    expect(retried).toMatchObject({ status: 201, body: { id: `${ID}-r2`, spec: { attempt: 2 } } });
    expect((await post(`rollouts/${ID}-r/retry`)).body).toMatchObject({ id: `${ID}-r2` });
    await reaches(`${ID}-r2`, 'AwaitingApproval');
    expect(await post(`rollouts/${ID}-r2/promote`)).toMatchObject({
      status: 409,
      body: { objection: expect.any(String) },
    });
    await post(`rollouts/${ID}-r2/start`);
    await until(
      'promotion that is taken',
      async () => ((await post(`rollouts/${ID}-r2/promote`)).status === 202 ? true : null),
      120,
    );
    await reaches(`${ID}-r2`, 'Promoted', (seen) => seen.status['settledAt'] !== null);
    expect(await cli('rollout', 'status', `${ID}-r2`)).toMatchObject({ code: 0 });
    expect(await get('models/tiny/history')).toMatchObject({
      items: [{ champion: twin, promotion: `${ID}-p2` }, { champion }],
    });
    await keep('promoted', `${ID}-r2`);
    clearInterval(traffic);

    const back = await post(`promotions/${ID}-p2/rollback`, {}, 'users complain');
    expect(back).toMatchObject({ status: 200, body: { id: `${ID}-p2-b`, spec: { undoes: `${ID}-p2` } } });
    expect((await post(`promotions/${ID}-p2/rollback`)).body).toMatchObject({ id: `${ID}-p2-b` });
    expect(await get('models/tiny/route')).toMatchObject({ stable: champion, candidate: null, weight: 0 });
    await reaches(`${ID}-p2-b-t`, 'Promoted', (seen) => seen.status['settledAt'] !== null);
    expect(await get(`records/${ID}-p2-b`)).toMatchObject({ outcome: 'rolled-back' });
    expect(await get('audit/verify')).toMatchObject({ intact: true });
  }, 240_000);

  it('goes back by itself when a guardrail fails', async () => {
    const steps = [{ weight: 30, holdSeconds: 60, gates: [good, impossible] }];
    const document = { rollout: { ...ROLLOUT, steps } };
    await serveTiny(app, 'hasty', document);
    await feed(app, 'hasty', 300);
    const digest = await app.upload(buildOnnx({ producer: 'hast' }));
    await app.call('POST', '/api/v1/models/hasty/candidates', { digest });
    traffic = requests('hasty');
    const over = await reaches('hasty-m1-r', 'RolledBack', (seen) => seen.status['givenBackAt'] !== null);
    expect(over.status).toMatchObject({
      cause: 'gate-failed',
      charged: true,
      reason: expect.stringMatching('latency-p95'),
    });
    await keep('rolled-back', 'hasty-m1-r');
  }, 240_000);
});
