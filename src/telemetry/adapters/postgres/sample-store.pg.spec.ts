import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as arrow from 'apache-arrow';
import type { Digest } from '../../../kernel/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { ArtifactStore } from '../../../models/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { type AdmittedEvent, viewOf } from '../../domain/admit.js';
import { NotEnoughSamples } from '../../domain/errors.js';
import { isHoldout } from '../../domain/stable-hash.js';
import { telemetryPersistence } from '../../persistence.js';
import { aModel, admitted, anEvent, digestOf, FakeModelStore, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './postgres-dead-letter-store.js';
import { PostgresLabelIntake } from './postgres-label-intake.js';
import { PostgresSampleStore } from './postgres-sample-store.js';
import { PostgresTelemetryRetention } from './postgres-telemetry-retention.js';
import { PostgresWindowStore } from './postgres-window-store.js';

/** Artifacts in a temporary folder, without the checks of the real one. */
class FolderArtifacts extends ArtifactStore {
  constructor(private readonly folder: string) {
    super();
  }
  async putBytes(bytes: Uint8Array): Promise<{ digest: Digest; sizeBytes: number }> {
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    writeFileSync(join(this.folder, digest.slice(7)), bytes);
    return { digest, sizeBytes: bytes.length };
  }
  async putFile(path: string): Promise<{ digest: Digest; sizeBytes: number }> {
    return this.putBytes(readFileSync(path));
  }
  async verifiedPath(digest: Digest): Promise<string> {
    return join(this.folder, digest.slice(7));
  }
  async exists(): Promise<boolean> {
    return true;
  }
}

const A = digestOf('a');
const model = aModel('toy', { sampleRows: 60 });
const view = viewOf(model);
const models = new FakeModelStore([model]);
const folder = mkdtempSync(join(tmpdir(), 'ratchet-samples-'));
const artifacts = new FolderArtifacts(folder);
let test: TestDatabase;
let samples: PostgresSampleStore;
let next = 0;
let epoch = 0;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
  samples = new PostgresSampleStore(test.db, models, artifacts);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await test.close();
});
beforeEach(async () => {
  await test.db
    .query(`TRUNCATE telemetry.intake_offset, telemetry."window", telemetry.feature_profile, telemetry.answer,
    telemetry.pending_label, telemetry.sample, telemetry.sample_cell, telemetry.dead_letter RESTART IDENTITY`);
  ({ epoch, next } = await new PostgresBatchLedger(test.db).claim({ topic: 't', partition: 0 }));
});

async function commit(events: readonly AdmittedEvent[], at = T0): Promise<void> {
  const to = next + events.length;
  const batch = {
    source: { topic: 't', partition: 0 },
    epoch,
    from: next,
    to,
    events,
    samples: events,
    labels: [],
    halves: [],
    dead: [],
  };
  await new PostgresBatchLedger(test.db).commit({ ...batch, models: new Map([['toy', view]]), at });
  next = to;
}
const say = (labels: readonly { requestId: string; label: number }[]): Promise<void> =>
  new PostgresLabelIntake(test.db, models, new FakeClock(T0)).accept('toy', labels);
const readTable = async (digest: Digest): Promise<arrow.Table> =>
  arrow.tableFromIPC(readFileSync(await artifacts.verifiedPath(digest)));

describe('PostgresSampleStore', () => {
  it('keeps raw inputs with what was answered, in order, and their labels', async () => {
    await commit([admitted(anEvent(1)), admitted(anEvent(2)), admitted(anEvent(3, { version: digestOf('b') }))]);
    await say([{ requestId: 'r2', label: 0 }]);
    const kept = await samples.after('toy', A, 0, 10);
    expect(kept.map(({ requestId, label }) => [requestId, label])).toEqual([
      ['r1', null],
      ['r2', 0],
    ]);
    expect(kept[1]?.input).toEqual(Float32Array.of(2, 1, 2, 3));
    expect(await samples.after('toy', A, kept[0]?.sequence ?? 0, 10)).toHaveLength(1);
    expect(await samples.inputs('toy', ['r3', 'r9'])).toEqual(new Map([['r3', Float32Array.of(3, 1, 2, 3)]]));
    expect(await samples.labels('toy', ['r1', 'r2'])).toEqual(new Map([['r2', 0]]));
    expect(await samples.count('toy', T0)).toEqual({ rows: 3, labelled: 1 });
  });

  it('never keeps more than its bound; rare strata stay, but not in the stream that monitors read', async () => {
    const rare = [1, 2, 3].map((n) => admitted(anEvent(n, { prediction: 2, confidence: 0.3 })));
    await commit(rare);
    for (let round = 0; round < 4; round += 1) {
      await commit(Array.from({ length: 40 }, (_, i) => admitted(anEvent(10 + round * 40 + i, { prediction: 0 }))));
      expect((await samples.count('toy', new Date(0))).rows).toBeLessThanOrEqual(60);
    }
    const kept = await samples.after('toy', A, 0, 1000);
    expect(kept.at(-1)?.requestId).toBe('r169');
    const rows = await test.db.query<{ request_id: string }>('SELECT request_id FROM telemetry.sample');
    const reserved = ['r1', 'r2', 'r3'].filter((id) => !isHoldout(id));
    expect(reserved).not.toEqual([]);
    expect(rows.map((row) => row.request_id)).toEqual(expect.arrayContaining(reserved));
    expect(kept.map(({ requestId }) => requestId)).not.toEqual(expect.arrayContaining(reserved));
  });

  it('freezes a snapshot in Arrow with exactly the documented columns', async () => {
    await commit(Array.from({ length: 50 }, (_, i) => admitted(anEvent(i, i % 2 ? {} : { confidence: null }))));
    await say(Array.from({ length: 20 }, (_, i) => ({ requestId: `r${i}`, label: i % 3 })));
    const snapshot = await samples.snapshot('toy', { since: T0, replay: 0 });
    expect(snapshot.from).toEqual(T0);
    expect(snapshot.until).toEqual(new Date(T0.getTime() + 49_000));
    expect(snapshot.train.rows + snapshot.holdout.rows).toBe(50);
    expect(snapshot.train.labelled + snapshot.holdout.labelled).toBe(20);
    for (const file of [snapshot.train, snapshot.holdout]) {
      const table = await readTable(file.digest);
      expect(table.numRows).toBe(file.rows);
      expect(table.schema.fields.map((field) => [field.name, String(field.type), field.nullable])).toEqual([
        ['request_id', 'Utf8', false],
        ['at', 'Timestamp<MILLISECOND, UTC>', false],
        ['version', 'Utf8', false],
        ['input', 'FixedSizeList[4]<Float32>', false],
        ['prediction', 'Float64', false],
        ['confidence', 'Float64', true],
        ['label', 'Float64', true],
        ['stratum', 'Utf8', false],
        ['weight', 'Float64', false],
      ]);
      for (const row of table.toArray() as Record<string, unknown>[]) {
        const n = Number(String(row['request_id']).slice(1));
        expect(isHoldout(`r${n}`)).toBe(file === snapshot.holdout);
        expect([...(row['input'] as Iterable<number>)]).toEqual([n, 1, 2, 3]);
        expect(Number(row['at'])).toBe(T0.getTime() + n * 1000);
        expect(row).toMatchObject({ version: A, prediction: n % 3, label: n < 20 ? n % 3 : null });
        expect(row['confidence']).toBe(n % 2 ? 0.95 : null);
        expect(row['stratum']).toBe(`${n % 3}/none`);
        expect(row['weight']).toBe(1);
      }
    }
    const again = await samples.snapshot('toy', { since: T0, replay: 0 });
    expect(again).toEqual(snapshot);
  });

  it('replays older rows into train, but never one that was held out', async () => {
    await commit(Array.from({ length: 50 }, (_, i) => admitted(anEvent(i))));
    const since = new Date(T0.getTime() + 30_000);
    const { train, holdout } = await samples.snapshot('toy', { since, replay: 10 });
    const rows = (await readTable(train.digest)).toArray() as { request_id: string; stratum: string }[];
    const replayed = rows.filter(({ stratum }) => stratum.startsWith('replay/'));
    expect(replayed).toHaveLength(10);
    expect(replayed.some(({ request_id: id }) => isHoldout(id))).toBe(false);
    expect(train.rows - 10 + holdout.rows).toBe(20);
  });

  it('says so when there is nothing to train on', async () => {
    await expect(samples.snapshot('toy', { since: T0, replay: 0 })).rejects.toBeInstanceOf(NotEnoughSamples);
  });

  it('writes no file while there are too few held-out rows, however often it is asked', async () => {
    await commit(Array.from({ length: 50 }, (_, i) => admitted(anEvent(i))));
    const files = readdirSync(folder).length;
    const held = Array.from({ length: 50 }, (_, i) => `r${i}`).filter(isHoldout).length;
    const ask = (minimumHoldout: number) => samples.snapshot('toy', { since: T0, replay: 0, minimumHoldout });
    await expect(ask(held + 1)).rejects.toThrow(`of which ${held} held out (${held + 1} are required)`);
    await expect(ask(held + 1)).rejects.toBeInstanceOf(NotEnoughSamples);
    expect(readdirSync(folder)).toHaveLength(files);
    expect((await ask(held)).holdout.rows).toBe(held);
  });
});

describe('PostgresTelemetryRetention', () => {
  it('forgets what is too old, and turns labels without a request into dead letters', async () => {
    const retention = new PostgresTelemetryRetention(test.db);
    const letters = new PostgresDeadLetterStore(test.db);
    await commit(Array.from({ length: 30 }, (_, i) => admitted(anEvent(i))));
    await say([{ requestId: 'nobody', label: 1 }]);
    const after = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
    const bounds = { windows: { baseSeconds: 300, minuteSeconds: 400, totalSeconds: 600 }, deadLetterRows: 1 };

    const nothing = {
      answers: 0,
      windows: 0,
      rolledUp: 0,
      samples: 0,
      deadLetters: 0,
      unmatchedLabels: 0,
      more: false,
    };
    expect(await retention.sweep(view, after(50), bounds)).toEqual(nothing);
    expect(await retention.sweep(view, after(61), bounds)).toEqual({ ...nothing, unmatchedLabels: 1 });
    expect(await letters.list({ limit: 10 })).toMatchObject([
      { model: 'toy', reason: { class: 'label-unmatched', detail: 'label for unknown request' } },
    ]);
    expect(await retention.sweep(view, after(view.keepSeconds + 10), bounds)).toEqual({ ...nothing, answers: 10 });
    expect(await retention.sweep(view, after(615), bounds)).toMatchObject({ answers: 20, windows: 2, samples: 15 });
    expect(await new PostgresWindowStore(test.db).listModel('toy', new Date(0))).toHaveLength(1);
    await say([{ requestId: 'nobody', label: 1 }]);
    expect(await retention.sweep(view, after(700), bounds)).toMatchObject({ unmatchedLabels: 1, deadLetters: 1 });
  });
});
