import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { parseSettings } from '../../../platform/config/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { viewOf } from '../../domain/admit.js';
import { isKept } from '../../domain/answer-share.js';
import { FencedOut } from '../../domain/errors.js';
import { encodeRecord } from '../../domain/protobuf/encode-record.js';
import { stableHash } from '../../domain/stable-hash.js';
import { LedgerLogIntake } from '../../log-intake.js';
import { ModelViews } from '../../model-views.js';
import { telemetryPersistence } from '../../persistence.js';
import type { LogChunk, LogRecord } from '../../ports.js';
import { telemetrySettings, type TelemetrySettings } from '../../settings.js';
import { aModel, anEvent, digestOf, FakeModelStore, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './postgres-dead-letter-store.js';
import { PostgresTelemetryRetention } from './postgres-telemetry-retention.js';
import { PostgresWindowStore } from './postgres-window-store.js';

const source = { topic: 'events', partition: 3 };
const settings = parseSettings([telemetrySettings], {}).of(telemetrySettings);
let test: TestDatabase;
let intake: LedgerLogIntake;
let windows: PostgresWindowStore;
let letters: PostgresDeadLetterStore;
let epoch = 0;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
  const clock = new FakeClock(new Date(T0.getTime() + 60_000));
  const ledger = new PostgresBatchLedger(test.db);
  intake = new LedgerLogIntake(ledger, new ModelViews(new FakeModelStore(), clock), null, clock, settings);
  windows = new PostgresWindowStore(test.db);
  letters = new PostgresDeadLetterStore(test.db);
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.db
    .query(`TRUNCATE telemetry.intake_offset, telemetry."window", telemetry.feature_profile, telemetry.answer,
    telemetry.pending_label, telemetry.sample, telemetry.dead_letter, telemetry.answer_share RESTART IDENTITY`);
  ({ epoch } = await intake.claim(source));
});

const event = (n: number, fields: object = {}): object => ({
  schema: 'ratchet.dev/inference/v1',
  requestId: `r${n}`,
  model: 'toy',
  version: digestOf('a'),
  at: T0.getTime() + n,
  latencyMs: 2,
  features: { mean: n, std: 1 },
  prediction: n % 3,
  ...fields,
});
const SWEEP = {
  windows: { baseSeconds: 86_400, minuteSeconds: 86_400, totalSeconds: 30 * 86_400 },
  deadLetterRows: 1_000,
};
const record = (offset: number, value: unknown): LogRecord => ({
  offset,
  key: null,
  value: value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: {},
  timestamp: T0.getTime(),
});
const chunk = (from: number, to: number, records: readonly LogRecord[]): LogChunk => ({
  source,
  epoch,
  from,
  to,
  format: 'native',
  records,
});
const counted = async (): Promise<number> =>
  (await windows.listModel('toy', new Date(0))).reduce((sum, { requests }) => sum + requests, 0);

describe('the way in for logs', () => {
  it('counts every record of a chunk once, over gaps in the offsets, and goes on where it stood', async () => {
    const first = chunk(
      0,
      30,
      [0, 3, 4, 29].map((n) => record(n, event(n))),
    );
    expect(await intake.write(first)).toMatchObject({ outcome: 'committed', counted: 4 });
    expect(await intake.write(first)).toMatchObject({ outcome: 'repeated', counted: 0 });
    await intake.write(chunk(30, 31, [record(30, event(30))]));
    expect(await counted()).toBe(5);
    expect((await intake.claim(source)).next).toBe(31);
  });

  it('keeps what it cannot read as a dead letter with its topic, partition and offset, and goes on', async () => {
    const bad = [record(11, '{"a":'), record(13, null), record(14, event(1, { model: 'nobody' })), record(17, ' ')];
    await intake.write(chunk(0, 10, [record(9, event(9))]));
    const report = await intake.write(chunk(10, 20, [record(10, event(10)), ...bad, record(19, event(19))]));
    expect(report).toMatchObject({ counted: 2, dead: { 'not-json': 2, schema: 1, 'unknown-model': 1 } });
    const kept = await letters.list({ limit: 10 });
    expect(kept.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`).sort()).toEqual(
      [11, 13, 14, 17].map((offset) => `events 3 ${offset}`),
    );
  });

  it('writes nothing for a zombie', async () => {
    const zombie = chunk(0, 2, [record(0, event(0)), record(1, event(1))]);
    await intake.claim(source);
    await expect(intake.write(zombie)).rejects.toBeInstanceOf(FencedOut);
    expect(await counted()).toBe(0);
  });

  it('adds only what is missing when a part of a chunk was committed before', async () => {
    const records = [0, 1, 2, 3].map((n) => record(n, event(n)));
    await intake.write(chunk(0, 2, records.slice(0, 2)));
    expect(await intake.write(chunk(0, 4, records))).toMatchObject({ outcome: 'committed', counted: 2 });
    expect(await counted()).toBe(4);
  });
});

describe('what a log holds', () => {
  const now = T0.getTime() + 60_000;
  const busy = aModel('busy', { answersPerSecond: 10, labelWaitSeconds: 60 });
  const intakeWith = (changes: Partial<TelemetrySettings> = {}, at = now): LedgerLogIntake => {
    const clock = new FakeClock(new Date(at));
    const views = new ModelViews(new FakeModelStore([aModel(), busy]), clock);
    return new LedgerLogIntake(new PostgresBatchLedger(test.db), views, null, clock, { ...settings, ...changes });
  };
  const query = async <T>(sql: string): Promise<T[]> => test.db.query<T>(sql);
  const answers = async (): Promise<string[]> =>
    (await query<{ id: string }>('SELECT request_id AS id FROM telemetry.answer')).map(({ id }) => id);

  it('counts every event of a busy model and keeps the share of a stable hash, whatever the chunks', async () => {
    const busyEvent = (n: number): object => event(n, { model: 'busy', at: now - 1_000 + n / 10 });
    const records = Array.from({ length: 4_000 }, (_, n) => record(n, busyEvent(n)));
    const first = await intakeWith().write(chunk(0, 2_000, records.slice(0, 2_000)));
    const level = first.levels?.get('busy') ?? 0;
    expect([first.counted, level]).toEqual([2_000, 7]);
    // Another process: it knows nothing of the share and comes to the same choice.
    await intakeWith({}, now + 100).write(chunk(2_000, 4_000, records.slice(2_000)));
    const kept = Array.from({ length: 4_000 }, (_, n) => `r${n}`).filter((id, n) =>
      isKept(stableHash(id), n < 2_000 ? 7 : 8),
    );
    expect((await answers()).sort()).toEqual(kept.sort());
    expect((await windows.listModel('busy', new Date(0))).reduce((sum, { requests }) => sum + requests, 0)).toBe(4_000);
  });

  it('joins labels of kept answers, counts those outside the share, and makes nobody wait for them', async () => {
    const records = Array.from({ length: 2_000 }, (_, n) => record(n, event(n, { model: 'busy', at: now - 500 })));
    await intakeWith().write(chunk(0, 2_000, records));
    const kept = await answers();
    const label = (n: number): object => ({
      schema: 'ratchet.dev/label/v1',
      model: 'busy',
      requestId: `r${n}`,
      label: 0,
    });
    const labels = Array.from({ length: 2_000 }, (_, n) => record(2_000 + n, label(n)));
    const report = await intakeWith({}, now + 10_000).write(chunk(2_000, 4_000, labels));
    // Until the share was set, all were kept: so long a label may be of an answer that was left out.
    const { joined, early, outside = 0, repeated, conflicts } = report.labels;
    expect([joined, joined + early + outside, repeated, conflicts]).toEqual([kept.length, 2_000, 0, 0]);
    const view = viewOf(busy);
    const swept = await new PostgresTelemetryRetention(test.db).sweep(view, new Date(now + 120_000), SWEEP);
    expect(swept.unmatchedLabels).toBe(0);
    expect(await letters.list({ limit: 10 })).toEqual([]);
    expect(await query('SELECT 1 FROM telemetry.pending_label')).toEqual([]);
  });

  it('counts a record again that its producer sent twice, but keeps one answer; told to, it tells all apart', async () => {
    const twice = [0, 1, 0].map((n, offset) => record(offset, event(n)));
    expect(await intakeWith().write(chunk(0, 3, twice))).toMatchObject({ counted: 3, duplicates: 1 });
    expect((await answers()).sort()).toEqual(['r0', 'r1']);
    const strict = intakeWith({ logDuplicates: 'all' });
    const again = [0, 1, 2].map((n) => record(n + 3, event(n)));
    expect(await strict.write(chunk(3, 6, again))).toMatchObject({ counted: 1, duplicates: 2 });
    expect(await counted()).toBe(4);
  });

  it('reads Protobuf beside JSON, and refuses one event of a record without the others', async () => {
    const clock = { at: new Date(now - 1_000) };
    const events = [1, 2, 3].map((n) => anEvent(n, { ...clock, features: { mean: n }, input: null }));
    const batch = encodeRecord([
      ...events,
      anEvent(4, { ...clock, features: { mean: 4 }, prediction: 99, input: null }),
    ]);
    const single = encodeRecord(
      [anEvent(5, { ...clock, features: { mean: 1, std: 2 }, input: null })],
      ['mean', 'std'],
    );
    const other = encodeRecord([anEvent(6, { ...clock, features: { a: 1, b: 2 }, input: null })], ['a', 'b']);
    const records = [batch, single, other].map((value, offset) => ({ ...record(offset, ''), value }));
    const report = await intakeWith().write(chunk(0, 4, [...records, record(3, event(7))]));
    expect(report).toMatchObject({ counted: 5, dead: { contract: 2 } });
    expect((await answers()).sort()).toEqual(['r1', 'r2', 'r3', 'r5', 'r7']);
    const [, letter] = await letters.list({ limit: 10 });
    expect(letter).toMatchObject({
      offset: 0,
      model: 'toy',
      reason: { detail: 'prediction 99 is not one of 3 classes' },
    });
    expect(letter?.sizeBytes).toBeLessThan(batch.length);
  });

  it('counts late events in their own window, also when their answers are no longer kept, and future ones now', async () => {
    const intakeNow = intakeWith({}, T0.getTime() + 86_400_000);
    const report = await intakeNow.write(
      chunk(0, 3, [
        record(0, event(0, { at: T0.getTime() })),
        record(1, event(1, { at: T0.getTime() + 90_000_000 })),
        record(2, event(2, { at: T0.getTime() - settings.windowRetentionSeconds * 1000 })),
      ]),
    );
    expect(report).toMatchObject({ counted: 2, dead: { 'too-old': 1 } });
    const starts = (await windows.listModel('toy', new Date(0))).map(({ start }) => start.getTime());
    expect(starts).toEqual([T0.getTime(), T0.getTime() + 86_400_000]);
    expect(await answers()).toEqual(['r1']);
  });
});
