import type { FaultyWorld } from './faulty-world.js';

/** What there must be of a model when a scenario is over, whatever happened on the way. */
export interface Account {
  readonly triggers: Readonly<Record<string, number>>;
  readonly jobs: Readonly<Record<string, number>>;
  readonly candidates: Readonly<Record<string, number>>;
  readonly experiments: Readonly<Record<string, number>>;
  readonly rollouts: Readonly<Record<string, number>>;
  readonly promotions: Readonly<Record<string, number>>;
  /** Entries by action, of what may be said once only. */
  readonly audit: Readonly<Record<string, number>>;
  readonly records: Readonly<Record<string, number>>;
  readonly charges: number;
  readonly championPeriods: number;
}

/** Actions that are on record once for each thing that they were done to, however often somebody asked. */
const ONCE = [
  'models.apply',
  'triggers.open',
  'triggers.resolve',
  'jobs.cancel',
  'promotions.promote',
  'promotions.reject',
];

/** Counts what there is of a model. */
export async function accountOf(world: FaultyWorld, model: string): Promise<Account> {
  const phases = (table: string) =>
    group(world, `SELECT phase AS key, count(*)::int AS n FROM ${table} WHERE model = $1 GROUP BY 1`, [model]);
  return {
    triggers: await group(
      world,
      `SELECT status->>'outcome' AS key, count(*)::int AS n FROM triggers.trigger WHERE model = $1 GROUP BY 1`,
      [model],
    ),
    jobs: await phases('jobs.job'),
    candidates: await phases('candidates.candidate'),
    experiments: await phases('experiments.experiment'),
    rollouts: await phases('rollouts.rollout'),
    promotions: await phases('promotions.promotion'),
    audit: await group(
      world,
      `SELECT action AS key, count(*)::int AS n FROM platform.audit_entry
       WHERE action = ANY ($2) AND subject LIKE '%/' || $1 || '%' GROUP BY 1`,
      [model, ONCE],
    ),
    records: await group(
      world,
      'SELECT outcome AS key, count(*)::int AS n FROM promotions.record WHERE model = $1 GROUP BY 1',
      [model],
    ),
    charges: await world.count('SELECT count(*) FROM promotions.charge WHERE model = $1', [model]),
    championPeriods: await world.count('SELECT count(*) FROM models.champion_period WHERE model = $1', [model]),
  };
}

/** What contradicts itself or is left over; empty when everything is in order. Looked at when all is quiet. */
export async function disorder(world: FaultyWorld): Promise<string[]> {
  const { db } = world.database;
  const found: string[] = [];
  const none = async (what: string, sql: string): Promise<void> => {
    const rows = await db.query(sql);
    if (rows.length > 0) found.push(`${what}: ${JSON.stringify(rows)}`);
  };
  await none('a change lock whose candidate is over', 'SELECT * FROM models.change_lock');
  await none('a fact that was not delivered', 'SELECT name, attempts FROM platform.outbox WHERE delivered_at IS NULL');
  await none(
    'a pass that gave up',
    'SELECT kind, key, parked_reason FROM platform.work_item WHERE parked_reason IS NOT NULL',
  );
  await none(
    'a lease that nobody renews',
    `SELECT kind, key FROM platform.work_item WHERE lease_until < now() - interval '5 seconds'`,
  );
  await none(
    'two facts of one change',
    // A document is applied, and a finding changes to and fro, as often as it happens.
    `SELECT name, data FROM platform.outbox WHERE name NOT IN ('models.applied', 'monitors.finding-changed')
     GROUP BY 1, 2 HAVING count(*) > 1`,
  );
  await none(
    'a champion other than the one that is routed',
    `SELECT p.model, p.champion, r.stable, r.weight FROM models.champion_period p JOIN serving.route r USING (model)
     WHERE p.until IS NULL AND (p.champion <> r.stable OR r.weight <> 0 OR r.candidate IS NOT NULL OR r.mirror IS NOT NULL)`,
  );
  await none(
    'two periods at once',
    'SELECT model FROM models.champion_period WHERE until IS NULL GROUP BY 1 HAVING count(*) > 1',
  );
  const orphans = await world.runningAttempts();
  if (orphans.length > 0) found.push(`attempts that run: ${orphans.join(', ')}`);
  const twice = world.runner.runs.filter((run, at, all) => all.indexOf(run) !== at);
  if (twice.length > 0) found.push(`attempts that ran twice: ${twice.join(', ')}`);
  const audit = await world.client.call('GET', '/api/v1/audit/verify');
  if (audit.body['intact'] !== true) found.push(`the audit log: ${JSON.stringify(audit.body)}`);
  return found;
}

async function group(world: FaultyWorld, sql: string, parameters: unknown[]): Promise<Record<string, number>> {
  const rows = await world.database.db.query<{ key: string; n: number }>(sql, parameters);
  return Object.fromEntries(rows.map(({ key, n }) => [key, n]));
}
