import type { Database } from '../../../platform/postgres/index.js';
import type { WindowAccumulator } from '../../domain/accumulate-window.js';
import { settleWaiting, waitingFor } from '../../domain/settle-waiting.js';
import type { Tally } from '../../domain/tally.js';
import { mergeStates, stateOfAccumulator } from '../../domain/window-state.js';
import { loadProfiles, saveProfiles } from './feature-profiles.js';
import { keyOf, saveWindows, selectStored, type StoredWindow } from './window-rows.js';

/** Windows of one statement: more of them would hold up everything else that this process does. */
const SLICE = 1_000;

/**
 * Adds what was counted to the stored windows, of whatever models, a thousand in a statement. Values whose bins became fixed are
 * counted in their windows; the shapes learn the bins once the transaction is committed. The caller holds the models' locks.
 */
export async function writeTally(db: Database, tally: Tally): Promise<void> {
  await settle(db, tally);
  const windows = [...tally.models.values()].flatMap((model) => [...model.windows.values()]);
  for (let from = 0; from < windows.length; from += SLICE) await writeWindows(db, windows.slice(from, from + SLICE));
}

async function writeWindows(db: Database, windows: readonly WindowAccumulator[]): Promise<void> {
  const parts = windows.map(partOf);
  const stored = new Map((await selectStored(db, parts)).map((window) => [keyOf(window), window]));
  await saveWindows(
    db,
    parts.map((part) => {
      const before = stored.get(keyOf(part));
      return before === undefined ? part : add(before, part);
    }),
  );
}

async function settle(db: Database, tally: Tally): Promise<void> {
  const settled = settleWaiting(tally, await loadProfiles(db, waitingFor(tally)));
  await saveProfiles(
    db,
    settled.filter(({ changed }) => changed),
  );
  db.afterCommit(() => {
    for (const { shape, feature, profile } of settled) if (profile.edges !== null) shape.fix(feature, profile.edges);
  });
}

function partOf(window: WindowAccumulator): StoredWindow {
  const { model, key, requests, errors, compared, agreed, newest } = window;
  return { model, ...key, requests, errors, compared, agreed, newest, state: stateOfAccumulator(window) };
}

function add(a: StoredWindow, b: StoredWindow): StoredWindow {
  return {
    ...a,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    compared: a.compared + b.compared,
    agreed: a.agreed + b.agreed,
    newest: Math.max(a.newest, b.newest),
    state: mergeStates(a.state, b.state),
  };
}
