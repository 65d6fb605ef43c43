import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { parseSettings } from '../../../platform/config/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { FencedOut } from '../../domain/errors.js';
import { LedgerLogIntake } from '../../log-intake.js';
import { ModelViews } from '../../model-views.js';
import { telemetryPersistence } from '../../persistence.js';
import type { LogChunk, LogRecord } from '../../ports.js';
import { telemetrySettings } from '../../settings.js';
import { digestOf, FakeModelStore, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './postgres-dead-letter-store.js';
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
    telemetry.pending_label, telemetry.sample, telemetry.dead_letter RESTART IDENTITY`);
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
