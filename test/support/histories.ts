import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reviveDates } from '../../src/platform/postgres/index.js';
import type { Rollout } from '../../src/rollouts/domain/rollout.js';
import type { DecisionRecord } from '../../src/rollouts/ports.js';

const FOLDER = join(import.meta.dirname, '../fixtures/decisions');

/** A rollout with every decision about it, as the API told them. */
export interface History {
  readonly rollout: Rollout;
  readonly decisions: readonly DecisionRecord[];
}

/** Every stored history by the name of its file. */
export function storedHistories(): (readonly [string, History])[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  return files.map((file) => [file, reviveDates(JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))) as History]);
}

/** Stores a history when `RECORD_HISTORIES=1` asks for it; for specs that make real ones. */
export function recordHistory(name: string, history: unknown): void {
  if (process.env['RECORD_HISTORIES'] !== '1') return;
  const { decisions } = history as History;
  const version = (decisions[0]?.functions ?? 'none').replace('/', '-');
  writeFileSync(join(FOLDER, `${name}.${version}.json`), `${JSON.stringify(history, null, 1)}\n`);
}
