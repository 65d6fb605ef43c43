import { buildOnnx } from '../../src/models/testing/index.js';
import { until } from '../support/until.js';
import type { Account } from './accounts.js';
import type { FaultyWorld } from './faulty-world.js';

/** How long a scenario may take, with a control plane that dies at every turn. */
const SECONDS = 240;

/** What would end by itself on a quiet machine must not while control planes die and start for minutes. */
const PATIENT = {
  experiment: { margin: 0.5, alpha: 0.4, mirrorFraction: 1, maxSamples: 2000, maxSeconds: 3_000 },
  rollout: {
    steps: [{ weight: 50, holdSeconds: 0, gates: [{ kind: 'error-ratio', max: 0.5, minimumSamples: 5 }] }],
    blindSeconds: 3_000,
    undecidedSeconds: 3_000,
  },
  jobs: { wallSeconds: 600, maxAttempts: 1 },
};

/** From traffic, by itself, to a new champion: trigger, job, candidate, experiment, rollout, promotion. */
export async function promotion(world: FaultyWorld, name = 'alone'): Promise<void> {
  await world.serve(name, { ...PATIENT, triggers: { minimumSamples: 60 }, promotion: { approval: 'auto' } });
  await wait(world, name, 'promotion', () =>
    world.count(`SELECT count(*) FROM promotions.promotion WHERE model = $1 AND phase = 'Promoted'`, [name]),
  );
}

/** What people ask for: a job that they cancel, a candidate that they reject, one whose rollout they abort, and tokens. */
export async function people(world: FaultyWorld, name = 'people'): Promise<void> {
  await world.serve(name, PATIENT);
  await wait(world, name, 'enough samples', async () =>
    Number((await world.count('SELECT count(*) FROM telemetry.sample WHERE model = $1', [name])) >= 100),
  );
  await cancelled(world, name);
  await failed(world, name);
  await turnedAway(world, name, 1, 'promotions/people-m1-p/reject');
  await turnedAway(world, name, 2, 'rollouts/people-m2-r/abort');
}

async function cancelled(world: FaultyWorld, name: string): Promise<void> {
  world.runner.behave('hangs');
  const trigger = await openByHand(world, name);
  // `Running` is saved before the launch: who cancels right then cancels what was never launched.
  await wait(world, name, 'running job', () =>
    Promise.resolve(Number(world.runner.runs.includes(`${trigger}-job-a1`))),
  );
  await ask(world, `jobs/${trigger}-job/cancel`);
  await resolved(world, name, trigger);
}

async function failed(world: FaultyWorld, name: string): Promise<void> {
  world.runner.behave('exits with 1');
  await resolved(world, name, await openByHand(world, name));
  world.runner.behave('works');
}

/** Submits a candidate, sends traffic until its promotion waits for a person, and says no. */
async function turnedAway(world: FaultyWorld, name: string, n: number, no: string): Promise<void> {
  const id = `${name}-m${n}`;
  const digest = await world.client.upload(buildOnnx({ producer: `twn${n}` }));
  const known = () => world.count('SELECT count(*) FROM candidates.candidate WHERE id = $1', [id]);
  const submitted = await world.client.call('POST', `/api/v1/models/${name}/candidates`, { digest });
  if (submitted.status !== 201 && (await known()) === 0) throw new Error(JSON.stringify(submitted));
  await wait(world, name, `promotion of ${id} that waits`, () =>
    world.count('SELECT count(*) FROM promotions.promotion WHERE id = $1', [`${id}-p`]),
  );
  await ask(world, no);
  await wait(world, name, `end of ${id}`, () =>
    world.count(
      `SELECT count(*) FROM rollouts.rollout r JOIN promotions.promotion p ON p.id = $2
       WHERE r.id = $1 AND r.phase = 'Aborted' AND p.phase = 'Rejected'`,
      [`${id}-r`, `${id}-p`],
    ),
  );
}

/** The id of the trigger that is open; a user whose first call was cut off sees in the answer to the second that it is. */
async function openByHand(world: FaultyWorld, name: string): Promise<string> {
  await world.client.call('POST', `/api/v1/models/${name}/triggers`, { reason: 'planted' });
  const [open] = await world.database.db.query<{ id: string }>(
    'SELECT id FROM triggers.trigger WHERE model = $1 ORDER BY created_at DESC LIMIT 1',
    [name],
  );
  if (open === undefined) throw new Error('No trigger was opened.');
  return open.id;
}

async function resolved(world: FaultyWorld, name: string, trigger: string): Promise<void> {
  await wait(world, name, `end of ${trigger}`, () =>
    world.count(`SELECT count(*) FROM triggers.trigger WHERE id = $1 AND phase = 'Resolved'`, [trigger]),
  );
}

/** Asks until it is so; that it is so already is as good. */
async function ask(world: FaultyWorld, path: string): Promise<void> {
  const { status, body } = await world.client.call('POST', `/api/v1/${path}`, { reason: 'planted' });
  if (status >= 400 && status !== 409) throw new Error(`${path} was answered ${JSON.stringify(body)}`);
}

async function wait(world: FaultyWorld, model: string, what: string, count: () => Promise<number>): Promise<void> {
  const look = async (): Promise<true | null> => {
    world.guard();
    if ((await count()) > 0) return true;
    await world.traffic(model);
    return null;
  };
  await until(what, look, SECONDS, () => standOf(world));
}

/** Every aggregate with its phase, newest last. */
export function standOf(world: FaultyWorld): Promise<unknown[]> {
  const kinds = ['triggers.trigger', 'jobs.job', 'candidates.candidate', 'experiments.experiment', 'rollouts.rollout'];
  const selects = [...kinds, 'promotions.promotion'].map(
    (table) => `SELECT created_at, id, status->>'phase' AS phase, left(status::text, 300) AS status FROM ${table}`,
  );
  return world.database.db.query(
    `SELECT id, phase, status FROM (${selects.join(' UNION ALL ')}) all_of_them ORDER BY created_at`,
  );
}

/** How `promotion` ends. */
export const PROMOTION_ACCOUNT: Account = {
  triggers: { promoted: 1 },
  jobs: { Succeeded: 1 },
  candidates: { Accepted: 1 },
  experiments: { Concluded: 1 },
  rollouts: { Promoted: 1 },
  promotions: { Promoted: 1 },
  audit: { 'models.apply': 1, 'triggers.open': 1, 'triggers.resolve': 1, 'promotions.promote': 1 },
  records: { promoted: 1 },
  charges: 1,
  championPeriods: 2,
};

/** How `people` ends. */
export const PEOPLE_ACCOUNT: Account = {
  triggers: { cancelled: 1, failed: 1 },
  jobs: { Cancelled: 1, Failed: 1 },
  candidates: { Accepted: 2 },
  experiments: { Concluded: 2 },
  rollouts: { Aborted: 2 },
  promotions: { Rejected: 2 },
  audit: { 'models.apply': 1, 'triggers.open': 2, 'triggers.resolve': 2, 'jobs.cancel': 1, 'promotions.reject': 2 },
  records: { refused: 2 },
  charges: 0,
  championPeriods: 1,
};
