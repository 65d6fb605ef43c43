import { growth, parseMetrics, quantile } from './metrics.mjs';
import { fill, freshDatabase, startProgram } from './installation.mjs';

const PASSES = 'ratchet_reconcile_pass_seconds';
const WAITS = 'ratchet_reconcile_wait_seconds';
/** What one look at every model consists of. */
const OF_A_MODEL = ['monitor', 'trigger'];

/** One control plane over that many models and open rollouts, watched for some seconds after it came to a steady pace. */
export async function watch(postgres, name, { models, rollouts, seconds }) {
  const database = await freshDatabase(postgres, name);
  await fill(database, { models, rollouts });
  const program = await startProgram(database, { RATCHET_ROLES: 'control' });
  try {
    await pause(Math.min(10, seconds / 3));
    const before = await look(program, database);
    await pause(seconds);
    const after = await look(program, database);
    return { models, rollouts, startSeconds: program.startSeconds, ...figures(before, after, models, rollouts) };
  } finally {
    await program.stop();
    await database.client.end();
  }
}

async function look(program, { client }) {
  const { rows } = await client.query(
    `SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 110) AS query, calls::float8 AS calls,
       total_exec_time AS ms, rows::float8 AS rows FROM pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const { rows: unfinished } = await client.query(
    `SELECT count(*)::int AS n FROM rollouts.rollout WHERE phase NOT IN ('Promoted', 'RolledBack', 'Aborted')`,
  );
  return {
    at: performance.now(),
    metrics: parseMetrics(await program.metrics()),
    usage: program.usage(),
    statements: rows,
    open: unfinished[0].n,
  };
}

function figures(before, after, models, rollouts) {
  const seconds = (after.at - before.at) / 1000;
  const kinds = [...new Set((after.metrics.get(`${PASSES}_count`) ?? []).map(({ labels }) => labels.kind))].sort();
  const passes = (of) => growth(before.metrics, after.metrics, PASSES, of);
  const waits = (of) => growth(before.metrics, after.metrics, WAITS, of);
  const total = (sample, key) => sample.statements.reduce((sum, row) => sum + row[key], 0);
  const rate = (key) => (total(after, key) - total(before, key)) / seconds;
  const lookedAt = passes(['monitor']).count / seconds;
  return {
    seconds,
    open: after.open,
    passesPerSecond: passes(kinds).count / seconds,
    // With every model looked at once a second at most, a small installation idles.
    everyModelSeconds: lookedAt === 0 ? Infinity : models / lookedAt,
    everyRolloutSeconds: rollouts / (passes(['rollout']).count / seconds),
    perKind: kinds.map((kind) => ({
      kind,
      passes: passes([kind]).count,
      meanMs: (1000 * passes([kind]).sum) / Math.max(1, passes([kind]).count),
      waitP50: quantile(waits([kind]), 0.5),
      waitP99: quantile(waits([kind]), 0.99),
    })),
    modelPassMs: (1000 * passes(OF_A_MODEL).sum) / Math.max(1, passes(OF_A_MODEL).count),
    waitP50: quantile(waits(kinds), 0.5),
    waitP99: quantile(waits(kinds), 0.99),
    statementsPerSecond: rate('calls'),
    rowsPerSecond: rate('rows'),
    statementsPerPass: rate('calls') / (passes(kinds).count / seconds),
    databaseBusy: rate('ms') / 1000,
    cpu: (after.usage.cpuSeconds - before.usage.cpuSeconds) / seconds,
    rssBytes: after.usage.rssBytes,
    slowest: slowest(before, after),
  };
}

function slowest(before, after) {
  const earlier = new Map(before.statements.map((row) => [row.query, row]));
  return after.statements
    .map((row) => ({
      query: row.query,
      calls: row.calls - (earlier.get(row.query)?.calls ?? 0),
      ms: row.ms - (earlier.get(row.query)?.ms ?? 0),
    }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 6);
}

function pause(seconds) {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
