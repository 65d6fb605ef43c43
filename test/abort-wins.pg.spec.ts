import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { buildOnnx } from '../src/models/testing/index.js';
import { ask, feed, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { type Answer, startWholeApp, type WholeApp } from './support/whole-app.js';

type Role = 'viewer' | 'operator' | 'approver' | 'admin';

/** A candidate goes the whole way over real traffic, up to the promotion that waits for a person; then people disagree. */
describe('with approval by hand', () => {
  let app: WholeApp;
  let champion: string;
  let twin: string;
  let tokens: Record<Role, string>;
  let rounds = 0;
  let id = '';

  beforeAll(async () => {
    app = await startWholeApp(() => ({
      RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
      RATCHET_CANDIDATES_LATENCY_CALLS: '2',
    }));
    await serveTiny(app, 'tiny');
    await feed(app, 'tiny', 300);
    const admin = await create('admin', undefined);
    tokens = {
      admin,
      viewer: await create('viewer', admin),
      operator: await create('operator', admin),
      approver: await create('approver', admin),
    };
  }, 60_000);
  afterAll(() => app.close());

  async function create(role: Role, token: string | undefined): Promise<string> {
    const { body } = await app.call('POST', '/api/v1/tokens', { name: `the-${role}`, role }, token);
    return String(body['token']);
  }

  const as = (role: Role) => ({
    get: async (path: string) => (await app.call('GET', `/api/v1/${path}`, undefined, tokens[role])).body,
    post: (path: string, body: object = { reason: 'said so' }) =>
      app.call('POST', `/api/v1/${path}`, body, tokens[role]),
  });
  const phaseOf = async (kind: string, name: string): Promise<string | undefined> =>
    ((await as('viewer').get(`${kind}/${name}`)) as { status?: { phase?: string } | (number & { phase?: string }) })
      .status?.phase;
  const route = () => as('viewer').get('models/tiny/route');
  const answeredBy = async (requests = 40) => {
    const answers = await Promise.all(
      Array.from({ length: requests }, (_, n) => ask(app, 'tiny', n % 4, randomUUID(), tokens.viewer)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    return new Set(answers.map(({ body }: Answer) => body['model_version']));
  };

  /** Submits another twin of the model and sends traffic until its promotion waits. */
  beforeEach(async () => {
    rounds += 1;
    champion = String((await route())['stable']);
    twin = await app.upload(buildOnnx({ producer: `twn${rounds}` }), tokens.operator);
    const submitted = await as('operator').post('models/tiny/candidates', { digest: twin });
    expect(submitted).toMatchObject({ status: 201, body: { id: `tiny-m${rounds}` } });
    id = `tiny-m${rounds}`;
    const waits = async () => {
      await answeredBy(20);
      return (await phaseOf('promotions', `${id}-p`)) === 'AwaitingApproval' ? true : null;
    };
    const state = () =>
      Promise.all([
        phaseOf('candidates', id),
        as('viewer').get(`experiments/${id}-x`),
        as('viewer').get(`rollouts/${id}-r`),
      ]);
    await until('promotion that waits', waits, 50, state);
  }, 60_000);

  it('an abort gives the traffic back, and nothing promotes the candidate any more', async () => {
    expect(await phaseOf('rollouts', `${id}-r`)).toBe('Ready');
    expect(await route()).toMatchObject({ stable: champion, candidate: twin, weight: 50 });
    expect(await answeredBy()).toEqual(new Set([champion, twin]));

    expect(await as('viewer').post(`rollouts/${id}-r/abort`)).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    expect(await as('operator').post(`promotions/${id}-p/approve`)).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    expect(await app.call('POST', `/api/v1/rollouts/${id}-r/abort`, { reason: 'nobody' })).toMatchObject({
      status: 401,
    });
    expect(await phaseOf('promotions', `${id}-p`)).toBe('AwaitingApproval');

    expect(await as('operator').post(`rollouts/${id}-r/abort`, { reason: 'planted' })).toMatchObject({ status: 202 });
    // At once, also before any pass has carried it out.
    expect(await as('approver').post(`promotions/${id}-p/approve`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    await until('rejection', async () => ((await phaseOf('promotions', `${id}-p`)) === 'Rejected' ? true : null));
    expect(await as('viewer').get(`rollouts/${id}-r`)).toMatchObject({
      status: { phase: 'Aborted', by: 'the-operator', reason: 'planted' },
    });
    expect(await as('approver').post(`promotions/${id}-p/approve`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });

    await until('route without the candidate', async () => ((await answeredBy()).has(twin) ? null : true));
    expect(await route()).toMatchObject({ stable: champion, candidate: null, weight: 0 });
    expect(await as('viewer').get('models/tiny/history')).toMatchObject({ items: [{ champion, until: null }] });
    expect(await as('viewer').get(`records/${id}`)).toMatchObject({ outcome: 'refused', decidedBy: 'rollouts' });
    expect(await as('viewer').get(`audit?subject=rollout/${id}-r`)).toMatchObject({
      items: [{ actor: 'the-operator', role: 'operator', action: 'rollouts.abort', reason: 'planted' }],
    });
    expect(await as('viewer').get('audit/verify')).toMatchObject({ intact: true });
  }, 30_000);

  it('of an abort and an approval at the same moment exactly one is taken, and traffic follows it', async () => {
    const [abort, approval] = await Promise.all([
      as('operator').post(`rollouts/${id}-r/abort`),
      as('approver').post(`promotions/${id}-p/approve`),
    ]);
    const promoted = approval.status === 200;
    expect([abort.status, approval.status]).toEqual(promoted ? [409, 200] : [202, 409]);
    const phase = promoted ? 'Promoted' : 'Rejected';
    await until(phase, async () => ((await phaseOf('promotions', `${id}-p`)) === phase ? true : null));
    const [serves, gone] = promoted ? [twin, champion] : [champion, twin];
    await until('route to one version', async () => ((await answeredBy()).has(gone) ? null : true));
    expect(await route()).toMatchObject({ stable: serves, candidate: null, weight: 0 });
    expect(await as('viewer').get(`records/${id}`)).toMatchObject({ outcome: promoted ? 'promoted' : 'refused' });
  }, 30_000);

  it('an abort that was taken wins over a promotion of the rollout that was asked for at the same moment', async () => {
    const [promote, abort] = await Promise.all([
      as('approver').post(`rollouts/${id}-r/promote`),
      as('operator').post(`rollouts/${id}-r/abort`),
    ]);
    expect([202, 409]).toContain(promote.status);
    const taken = abort.status === 202;
    const wanted = taken ? 'Aborted' : 'Promoted';
    await until(wanted, async () => ((await phaseOf('rollouts', `${id}-r`)) === wanted ? true : null), 60);
    const [serves, gone] = taken ? [champion, twin] : [twin, champion];
    await until('route to one version', async () => ((await answeredBy()).has(gone) ? null : true), 60);
    expect(await route()).toMatchObject({ stable: serves, candidate: null, weight: 0 });
    expect(await as('operator').post(`rollouts/${id}-r/abort`)).toMatchObject({ status: taken ? 202 : 409 });
    expect(await as('approver').post(`rollouts/${id}-r/promote`)).toMatchObject({ status: 409 });
  }, 150_000);

  it('an abort after the approval comes too late, and the candidate serves everybody', async () => {
    expect(await as('approver').post(`promotions/${id}-p/approve`)).toMatchObject({
      status: 200,
      body: { status: { phase: 'Promoted', by: 'the-approver' } },
    });
    expect(await as('operator').post(`rollouts/${id}-r/abort`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    await until('route to the new champion', async () => ((await answeredBy()).has(champion) ? null : true));
    expect(await as('viewer').get('models/tiny/history')).toMatchObject({
      items: [{ champion: twin, promotion: `${id}-p`, until: null }, { champion }],
    });
    expect(await as('viewer').get(`records/${id}`)).toMatchObject({ outcome: 'promoted' });
  }, 30_000);
});
