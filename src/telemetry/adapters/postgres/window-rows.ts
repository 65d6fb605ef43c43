import type { Digest } from '../../../kernel/index.js';
import type { Database } from '../../../platform/postgres/index.js';
import { mergeWindows } from '../../domain/merge-windows.js';
import type { Histogram, Moments, Window } from '../../domain/window.js';
import { decodeState, encodeState, partsOf, stateOf, type WindowState } from '../../domain/window-state.js';
import { nameOfProfile } from '../../domain/settle-waiting.js';
import { loadEdges } from './feature-profiles.js';

/** A stored window; what it holds is in `state`, or, if it was written by an earlier release, in the JSON columns. */
interface WindowRow {
  readonly model: string;
  readonly version: Digest;
  readonly start: Date;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly state: Buffer | null;
  readonly latency: Buffer | null;
  readonly features: Record<string, Histogram> | null;
  readonly predictions: Record<string, number> | null;
  readonly confidence: number[] | null;
  readonly moments: Record<string, Moments> | null;
  readonly compared: number;
  readonly agreed: number;
  readonly served: number | null;
  readonly labelled: number;
  readonly correct: number;
  readonly newest_at: Date;
}

const COLUMNS = `model, version, start, seconds, requests::float8 AS requests, errors::float8 AS errors, state, latency,
  features, predictions, confidence, labelled::float8 AS labelled, correct::float8 AS correct,
  moments, compared::float8 AS compared, agreed::float8 AS agreed, served::float8 AS served, newest_at`;

/** A window as it is stored, or is to be: its counters, and its state apart. */
export interface StoredWindow {
  readonly model: string;
  readonly version: Digest;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly compared: number;
  readonly agreed: number;
  /** Milliseconds since 1970. */
  readonly newest: number;
  readonly state: WindowState;
}

/** What is added to a window by statements of its own: labels, and what data planes say they served. */
export interface SaidCounts {
  readonly labelled: number;
  readonly correct: number;
  readonly served: number | null;
}

/** Names a window among those of all models. */
export type WindowName = Pick<StoredWindow, 'model' | 'version' | 'start' | 'seconds'>;

/** A window's name as a key. */
export function keyOf({ model, version, start, seconds }: WindowName): string {
  return `${model}\0${version} ${start} ${seconds}`;
}

/** Windows that fulfil a condition, oldest first. */
export async function selectWindows(db: Database, where: string, parameters: unknown[]): Promise<Window[]> {
  const rows = await select(db, where, parameters);
  const models = rows.filter(({ state }) => state !== null).map(({ model }) => model);
  const edges = await loadEdges(db, [...new Set(models)]);
  return rows.map((row) => {
    const { newest_at: newestAt, state: _, ...rest } = row;
    const parts = partsOf(
      stateOfRow(row),
      (feature) => edges.get(nameOfProfile({ model: row.model, feature })) ?? null,
    );
    return { ...rest, ...(row.state === null ? oldParts(row) : parts), newestAt };
  });
}

/** Those of these windows that are stored. */
export async function selectStored(db: Database, names: readonly WindowName[]): Promise<(StoredWindow & SaidCounts)[]> {
  if (names.length === 0) return [];
  const rows = await select(
    db,
    `(model, version, start, seconds) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[]))`,
    [
      names.map(({ model }) => model),
      names.map(({ version }) => version),
      names.map(({ start }) => new Date(start).toISOString()),
      names.map(({ seconds }) => seconds),
    ],
  );
  return rows.map((row) => ({
    ...row,
    start: row.start.getTime(),
    newest: row.newest_at.getTime(),
    state: stateOfRow(row),
  }));
}

/** Adds parts of windows of one model to what is stored. The caller holds the model's lock. */
export async function addToWindows(db: Database, model: string, parts: readonly Window[]): Promise<void> {
  if (parts.length === 0) return;
  const stored = await selectWindows(
    db,
    `model = $1 AND (version, start, seconds) IN (
       SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::integer[]))`,
    [
      model,
      parts.map((part) => part.version),
      parts.map((part) => part.start.toISOString()),
      parts.map((part) => part.seconds),
    ],
  );
  const nameOf = (window: Window): string => keyOf({ ...window, start: window.start.getTime() });
  const known = new Map(stored.map((window) => [nameOf(window), window]));
  const merged = parts.map((part) => {
    const before = known.get(nameOf(part));
    return before === undefined ? part : mergeWindows(before, part);
  });
  await saveWindows(
    db,
    merged.map((window) => ({
      ...window,
      start: window.start.getTime(),
      newest: window.newestAt.getTime(),
      state: stateOf(window),
    })),
  );
}

/** Writes whole windows; labels and served counts, which are added by statements of their own, stay as they are. */
export async function saveWindows(db: Database, windows: readonly StoredWindow[]): Promise<void> {
  if (windows.length === 0) return;
  const of = <T>(read: (window: StoredWindow) => T): T[] => windows.map(read);
  await db.affected(
    `INSERT INTO telemetry."window" (model, version, start, seconds, requests, errors, state, newest_at, compared, agreed,
       labelled, correct)
     SELECT *, 0, 0 FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::bigint[], $6::bigint[], $7::bytea[],
       $8::timestamptz[], $9::bigint[], $10::bigint[])
     ON CONFLICT (model, version, start, seconds) DO UPDATE SET
       requests = EXCLUDED.requests, errors = EXCLUDED.errors, state = EXCLUDED.state, newest_at = EXCLUDED.newest_at,
       compared = EXCLUDED.compared, agreed = EXCLUDED.agreed,
       latency = NULL, features = NULL, predictions = NULL, confidence = NULL, moments = NULL`,
    [
      of(({ model }) => model),
      of(({ version }) => version),
      of(({ start }) => new Date(start).toISOString()),
      of(({ seconds }) => seconds),
      of(({ requests }) => requests),
      of(({ errors }) => errors),
      of(({ state }) => Buffer.from(encodeState(state).buffer)),
      of(({ newest }) => new Date(newest).toISOString()),
      of(({ compared }) => compared),
      of(({ agreed }) => agreed),
    ],
  );
}

function select(db: Database, where: string, parameters: unknown[]): Promise<WindowRow[]> {
  return db.query<WindowRow>(
    `SELECT ${COLUMNS} FROM telemetry."window" WHERE ${where} ORDER BY start, version, seconds`,
    parameters,
  );
}

function stateOfRow(row: WindowRow): WindowState {
  if (row.state !== null) return decodeState(row.state);
  return stateOf({ ...row, ...oldParts(row), newestAt: row.newest_at });
}

function oldParts(row: WindowRow): Pick<Window, 'latency' | 'features' | 'predictions' | 'confidence' | 'moments'> {
  return {
    latency: row.latency === null ? new Uint8Array() : new Uint8Array(row.latency),
    features: row.features ?? {},
    predictions: row.predictions ?? {},
    confidence: row.confidence ?? [],
    moments: row.moments ?? {},
  };
}
