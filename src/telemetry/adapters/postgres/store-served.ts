import type { Digest } from '../../../kernel/index.js';
import type { Database } from '../../../platform/postgres/index.js';
import { WindowAccumulator } from '../../domain/accumulate-window.js';
import type { ModelView } from '../../domain/admit.js';
import type { ServedEvent } from '../../domain/event.js';
import { spreadServed } from '../../domain/spread-served.js';
import { containingWindow } from './containing-window.js';
import { addToWindows } from './window-rows.js';

interface KnownRow {
  readonly version: Digest;
  readonly at: Date;
  readonly source: string;
  readonly seconds: number;
  readonly window_seconds: number;
  readonly requests: number;
}

/** What changes of one base window. */
interface Delta {
  readonly version: Digest;
  readonly start: number;
  readonly seconds: number;
  requests: number;
}

/**
 * Adds what data planes say they served to the windows it happened in. Repeatable: of all counts with the same version,
 * time and source the largest stays, whatever their order. Windows that nothing was logged of are made, so that a total
 * loss is seen. The caller holds the model's lock. Returns how many counts were news.
 */
export async function storeServed(db: Database, view: ModelView, events: readonly ServedEvent[]): Promise<number> {
  const said = largest(events);
  if (said.length === 0) return 0;
  const known = new Map((await knownCounts(db, view.name, said)).map((row) => [identity(row), row]));
  const news = said.filter((event) => event.requests > (known.get(identity(event))?.requests ?? -1));
  if (news.length === 0) return 0;
  const deltas = new Map<string, Delta>();
  for (const event of news) {
    const before = known.get(identity(event));
    if (before !== undefined) add(deltas, before, before.window_seconds, -1);
    add(deltas, event, view.windowSeconds, 1);
  }
  await saveCounts(db, view, news);
  await addServed(db, view.name, [...deltas.values()]);
  return news.length;
}

function largest(events: readonly ServedEvent[]): ServedEvent[] {
  const best = new Map<string, ServedEvent>();
  for (const event of events) {
    const other = best.get(identity(event));
    if (other === undefined || event.requests > other.requests) best.set(identity(event), event);
  }
  return [...best.values()];
}

function knownCounts(db: Database, model: string, said: readonly ServedEvent[]): Promise<KnownRow[]> {
  return db.query<KnownRow>(
    `SELECT version, at, source, seconds, window_seconds, requests::float8 AS requests FROM telemetry.served
     WHERE model = $1 AND (version, at, source) IN (SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::text[]))`,
    [
      model,
      said.map(({ version }) => version),
      said.map(({ at }) => at.toISOString()),
      said.map(({ source }) => source),
    ],
  );
}

async function saveCounts(db: Database, view: ModelView, news: readonly ServedEvent[]): Promise<void> {
  await db.affected(
    `INSERT INTO telemetry.served (model, version, at, source, seconds, window_seconds, requests)
     SELECT $1, version, at, source, seconds, $2, requests
     FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::float8[], $7::bigint[]) AS said (version, at, source, seconds, requests)
     ON CONFLICT (model, version, at, source) DO UPDATE SET
       seconds = EXCLUDED.seconds, window_seconds = EXCLUDED.window_seconds, requests = EXCLUDED.requests`,
    [
      view.name,
      view.windowSeconds,
      news.map(({ version }) => version),
      news.map(({ at }) => at.toISOString()),
      news.map(({ source }) => source),
      news.map(({ seconds }) => seconds),
      news.map(({ requests }) => requests),
    ],
  );
}

function add(
  deltas: Map<string, Delta>,
  count: Pick<ServedEvent, 'version' | 'at' | 'seconds' | 'requests'>,
  windowSeconds: number,
  sign: 1 | -1,
): void {
  for (const [start, part] of spreadServed(count, windowSeconds)) {
    const key = `${count.version} ${start} ${windowSeconds}`;
    const delta = deltas.get(key) ?? { version: count.version, start, seconds: windowSeconds, requests: 0 };
    delta.requests += sign * part;
    deltas.set(key, delta);
  }
}

async function addServed(db: Database, model: string, deltas: readonly Delta[]): Promise<void> {
  const missing = await withoutWindow(db, model, deltas);
  await addToWindows(
    db,
    model,
    missing.map(({ version, start, seconds }) => ({
      ...new WindowAccumulator(model, { version, start, seconds }).toWindow(),
      newestAt: new Date(start),
    })),
  );
  await db.affected(
    `WITH delta AS (SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::integer[], $5::bigint[])
       AS delta (version, start, seconds, requests)),
     sums AS (
       SELECT delta.version, place.start, place.seconds, sum(delta.requests) AS requests
       FROM delta CROSS JOIN LATERAL (${containingWindow(DELTA)}) AS place GROUP BY 1, 2, 3)
     UPDATE telemetry."window" AS w SET served = coalesce(w.served, 0) + sums.requests FROM sums
     WHERE w.model = $1 AND w.version = sums.version AND w.start = sums.start AND w.seconds = sums.seconds`,
    [model, ...columns(deltas), deltas.map(({ requests }) => requests)],
  );
}

const DELTA = { version: 'delta.version', start: 'delta.start', seconds: 'delta.seconds' };

async function withoutWindow(db: Database, model: string, deltas: readonly Delta[]): Promise<Delta[]> {
  const rows = await db.query<{ version: string; start: Date; seconds: number }>(
    `SELECT delta.version, delta.start, delta.seconds
     FROM unnest($2::text[], $3::timestamptz[], $4::integer[]) AS delta (version, start, seconds)
     WHERE NOT EXISTS (${containingWindow(DELTA)})`,
    [model, ...columns(deltas)],
  );
  const names = new Set(rows.map(({ version, start, seconds }) => `${version} ${start.getTime()} ${seconds}`));
  return deltas.filter(({ version, start, seconds }) => names.has(`${version} ${start} ${seconds}`));
}

function columns(deltas: readonly Delta[]): [string[], string[], number[]] {
  return [
    deltas.map(({ version }) => version),
    deltas.map(({ start }) => new Date(start).toISOString()),
    deltas.map(({ seconds }) => seconds),
  ];
}

function identity({ version, at, source }: Pick<ServedEvent, 'version' | 'at' | 'source'>): string {
  return `${version} ${at.getTime()} ${source}`;
}
