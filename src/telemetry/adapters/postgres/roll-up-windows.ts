import type { Database } from '../../../platform/postgres/index.js';
import { coarseSeconds, coarseStart, type RollUpLevel } from '../../domain/roll-up.js';
import { mergeStates } from '../../domain/window-state.js';
import {
  keyOf,
  saveWindows,
  selectStored,
  type SaidCounts,
  type StoredWindow,
  type WindowName,
} from './window-rows.js';

type Whole = StoredWindow & SaidCounts;

/** Fine windows that one call merges at most, so that its transaction stays short. */
export const ROLL_UP_CHUNK = 2_000;

/**
 * Merges windows of one level that are due into their coarse windows and removes them, all in the caller's transaction;
 * the caller holds the model's lock, as every writer of its windows does, so nothing is counted twice and nothing is
 * lost. An event that comes later makes a fine window again, which the next call merges into what is there. Returns how
 * many windows were merged away.
 */
export async function rollUpWindows(db: Database, model: string, level: RollUpLevel, now: Date): Promise<number> {
  const fine = await selectStored(db, await due(db, model, level, now));
  if (fine.length === 0) return 0;
  const parts = fine.map((window) => ({ ...window, ...coarseOf(window, level) }));
  const merged = new Map((await selectStored(db, parts)).map((window) => [keyOf(window), window]));
  for (const part of parts) {
    const before = merged.get(keyOf(part));
    merged.set(keyOf(part), before === undefined ? part : add(before, part));
  }
  await saveWindows(db, [...merged.values()]);
  await saveSaid(db, model, [...merged.values()]);
  await remove(db, model, fine);
  return fine.length;
}

function coarseOf({ start, seconds }: WindowName, level: RollUpLevel): Pick<WindowName, 'start' | 'seconds'> {
  const coarse = coarseSeconds(seconds, level);
  return { start: coarseStart(start, coarse), seconds: coarse };
}

async function due(db: Database, model: string, level: RollUpLevel, now: Date): Promise<WindowName[]> {
  const rows = await db.query<{ version: WindowName['version']; start: Date; seconds: number }>(
    `SELECT version, start, seconds FROM (
       SELECT version, start, seconds, seconds * ceil($3::numeric / seconds) AS coarse FROM telemetry."window"
       WHERE model = $1 AND seconds >= $2 AND seconds < $3 AND start < $4) AS fine
     WHERE (floor(extract(epoch FROM start) / coarse) + 1) * coarse <= extract(epoch FROM $4::timestamptz)
     ORDER BY start LIMIT ${ROLL_UP_CHUNK}`,
    [model, level.from, level.below, new Date(now.getTime() - level.afterSeconds * 1000).toISOString()],
  );
  return rows.map(({ version, start, seconds }) => ({ model, version, start: start.getTime(), seconds }));
}

function add(a: Whole, b: Whole): Whole {
  return {
    ...a,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    compared: a.compared + b.compared,
    agreed: a.agreed + b.agreed,
    labelled: a.labelled + b.labelled,
    correct: a.correct + b.correct,
    served: a.served === null && b.served === null ? null : (a.served ?? 0) + (b.served ?? 0),
    newest: Math.max(a.newest, b.newest),
    state: mergeStates(a.state, b.state),
  };
}

/** What other statements add to a window, written as a whole here because whole windows were merged. */
async function saveSaid(db: Database, model: string, windows: readonly Whole[]): Promise<void> {
  await db.affected(
    `UPDATE telemetry."window" AS w SET labelled = said.labelled, correct = said.correct, served = said.served
     FROM unnest($2::text[], $3::timestamptz[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[])
       AS said (version, start, seconds, labelled, correct, served)
     WHERE w.model = $1 AND w.version = said.version AND w.start = said.start AND w.seconds = said.seconds`,
    [
      model,
      ...columns(windows),
      windows.map(({ labelled }) => labelled),
      windows.map(({ correct }) => correct),
      windows.map(({ served }) => served),
    ],
  );
}

async function remove(db: Database, model: string, windows: readonly WindowName[]): Promise<void> {
  await db.affected(
    `DELETE FROM telemetry."window" AS w USING unnest($2::text[], $3::timestamptz[], $4::integer[]) AS gone (version, start, seconds)
     WHERE w.model = $1 AND w.version = gone.version AND w.start = gone.start AND w.seconds = gone.seconds RETURNING 1`,
    [model, ...columns(windows)],
  );
}

function columns(windows: readonly WindowName[]): [string[], string[], number[]] {
  return [
    windows.map(({ version }) => version),
    windows.map(({ start }) => new Date(start).toISOString()),
    windows.map(({ seconds }) => seconds),
  ];
}
