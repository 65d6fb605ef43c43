/** Real ingest processes, and how far they have come. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, spawnPinned, usageOf } from './processes.mjs';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

/** Starts the program in the role `ingest`, pinned to a core. */
export function startIngest(core, { url, brokers, topic, profile }) {
  const child = spawnPinned(core, [...(profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : []), MAIN], {
    env: {
      ...process.env,
      DATABASE_URL: url,
      KAFKA_BROKERS: brokers,
      RATCHET_ROLES: 'ingest',
      RATCHET_HTTP_PORT: '0',
      RATCHET_TELEMETRY_LOG_INFERENCE_TOPIC: topic,
      RATCHET_TELEMETRY_LOG_GROUP_ID: topic,
    },
  });
  child.stdout.resume();
  child.stderr.on('data', (chunk) => {
    if (/"level":"(?:error|fatal|warn)"|Error:/.test(String(chunk))) process.stderr.write(chunk);
  });
  return child;
}

/** Waits until every record is committed; measures from `warm` of the way on. */
export async function measureIngest(children, db, { topic, records, events, warm = 0.25 }) {
  let from = null;
  const deadline = Date.now() + 300_000;
  for (;;) {
    const next = await committed(db, topic);
    const now = { next, wall: performance.now(), cpuUs: cpuOf(children) };
    if (from === null && next >= records * warm) from = now;
    if (next >= records) {
      const share = (next - from.next) / records;
      const counted = await countedIn(db);
      if (counted !== events) throw new Error(`${counted} events are in windows; ${events} were sent`);
      return { items: events * share, cpuUs: now.cpuUs - from.cpuUs, wallMs: now.wall - from.wall };
    }
    if (Date.now() > deadline) throw new Error(`only ${next} of ${records} records were committed`);
    await sleep(20);
  }
}

/** Records whose transaction is committed. */
export async function committed(db, topic) {
  const [row] = await db.query(
    'SELECT coalesce(sum(next), 0)::float8 AS next FROM telemetry.intake_offset WHERE topic = $1',
    [topic],
  );
  return row.next;
}

/** Ends all of them. */
export async function endAll(children) {
  await Promise.all(children.map(end));
}

async function countedIn(db) {
  const [row] = await db.query('SELECT coalesce(sum(requests), 0)::float8 AS requests FROM telemetry."window"');
  return row.requests;
}

function cpuOf(children) {
  return children.reduce((sum, { pid }) => sum + usageOf(pid).cpuUs, 0);
}
