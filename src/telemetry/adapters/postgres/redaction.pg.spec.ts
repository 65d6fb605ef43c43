import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { parseSettings } from '../../../platform/config/index.js';
import type { Model, TelemetrySettings as Spec } from '../../../models/index.js';
import { answerEvent } from '../../domain/answer-event.js';
import { decodeEvent } from '../../domain/decode-event.js';
import { answerEntry, eventEntry } from '../../intake-entry.js';
import { LedgerLogIntake } from '../../log-intake.js';
import { ModelViews } from '../../model-views.js';
import { telemetryPersistence } from '../../persistence.js';
import { RedactingDeadLetterStore } from '../../redacting-dead-letter-store.js';
import { telemetrySettings } from '../../settings.js';
import { TelemetryIntake } from '../../telemetry-intake.js';
import { aModel, anAnswer, digestOf, FakeModelStore, RecordingIntakeObserver, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './postgres-dead-letter-store.js';

/** Exact in 32 bits, and in no other place of any event. */
const SECRET = 48_271_360;
const columns = ['age', 'secret', 'x', 'y'];
let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
}, 60_000);
afterAll(() => test.close());
beforeEach(async () => {
  const tables = await tablesOf();
  await test.db.query(`TRUNCATE ${tables.join(', ')}`);
});

async function tablesOf(): Promise<string[]> {
  const rows = await test.db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'telemetry'`,
  );
  return rows.map(({ name }) => name);
}

/** Tables in which the secret is found: as text, as bytes of text, as 32 or 64 bits of either order. */
async function leaks(): Promise<string[]> {
  const floats = [Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(8), Buffer.alloc(8)] as const;
  floats[0].writeFloatLE(SECRET);
  floats[1].writeFloatBE(SECRET);
  floats[2].writeDoubleLE(SECRET);
  floats[3].writeDoubleBE(SECRET);
  const forms = [
    String(SECRET),
    SECRET.toExponential(),
    Buffer.from(String(SECRET)).toString('hex'),
    ...floats.map((b) => b.toString('hex')),
    Buffer.from(floats[0].toString('base64')).toString('hex'),
  ];
  const found: string[] = [];
  for (const table of await tablesOf()) {
    const rows = await test.db.query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM ${table} AS t`);
    if (rows.some(({ row }) => forms.some((form) => row.includes(form)))) found.push(table);
  }
  return found;
}

function setUp(telemetry: Partial<Spec>) {
  const clock = new FakeClock(T0);
  const model: Model = aModel('toy', { features: ['mean', 'age', 'secret'], columns, sampleRows: 1000, ...telemetry });
  const models = new FakeModelStore([model]);
  const settings = parseSettings([telemetrySettings], {}).of(telemetrySettings);
  const views = new ModelViews(models, clock);
  const ledger = new PostgresBatchLedger(test.db);
  const intake = new TelemetryIntake(ledger, views, clock, settings, new RecordingIntakeObserver());
  return { intake, log: new LedgerLogIntake(ledger, views, null, clock, settings), models, clock };
}

const native = (n: number, fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...{ schema: 'ratchet.dev/inference/v1', requestId: `r${n}`, model: 'toy', version: digestOf('a'), latencyMs: 1 },
  ...{ at: T0.getTime(), features: { age: 3, secret: SECRET }, prediction: n % 3, input: [3, SECRET, n, 1] },
  ...fields,
});
const entry = (value: unknown) => {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return eventEntry(decodeEvent(body), () => body, body.length);
};

/** Everything that can be sent: good events, refused ones, ones that nobody can read or that belong to nobody. */
async function sendEverything(intake: TelemetryIntake): Promise<void> {
  const answer = anAnswer(900, {
    input: Float32Array.of(3, SECRET, 1, 1),
    features: { secret: SECRET, age: 3 },
    prediction: 77,
  });
  await Promise.all([
    intake.submit([
      ...Array.from({ length: 320 }, (_, n) => entry(native(n))),
      entry(native(1000, { prediction: 99 })),
      entry(native(1001, { at: 5 })),
      entry(native(1002, { model: 'nobody' })),
      entry(native(1003, { latencyMs: 'slow' })),
      entry(JSON.stringify(native(1004)).slice(0, -1)),
      answerEntry(answer, answerEvent(answer)),
    ]),
    intake.flush(),
  ]);
}

describe('a redacted field', () => {
  it('would be found by this test if it were not redacted', async () => {
    await sendEverything(setUp({}).intake);
    expect((await leaks()).sort()).toEqual([
      'telemetry."window"',
      'telemetry.dead_letter',
      'telemetry.feature_profile',
      'telemetry.sample',
    ]);
  });

  it('is nowhere in the database, whether events were counted, kept or refused', async () => {
    await sendEverything(setUp({ redact: ['secret'] }).intake);
    expect(await leaks()).toEqual([]);
    const [kept] = await test.db.query<{ input: Buffer }>(`SELECT input FROM telemetry.sample WHERE request_id = 'r7'`);
    expect([0, 4, 8].map((place) => kept!.input.readFloatLE(place))).toEqual([3, 0, 7]);
    const letters = await test.db.query<{ class: string }>('SELECT class FROM telemetry.dead_letter');
    expect(letters.length).toBe(6);
  });

  it('is nowhere either when the events came from a log', async () => {
    const { log } = setUp({ redact: ['secret'] });
    const source = { topic: 'events', partition: 0 };
    const { epoch, next } = await log.claim(source);
    const values = [
      ...Array.from({ length: 320 }, (_, n) => JSON.stringify(native(n))),
      ...[native(1000, { prediction: 99 }), native(1001, { model: 'nobody' })].map((value) => JSON.stringify(value)),
      JSON.stringify(native(1004)).slice(0, -1),
    ];
    const records = values.map((value, offset) => ({
      ...{ offset, key: null, value: Buffer.from(value), headers: { note: String(SECRET) }, timestamp: T0.getTime() },
    }));
    const report = await log.write({ source, epoch, from: next, to: values.length, format: 'native', records });
    expect(report).toMatchObject({ counted: 320, dead: { contract: 1, 'unknown-model': 1, 'not-json': 1 } });
    expect(report.sampled).toBeGreaterThan(0);
    expect(await leaks()).toEqual([]);
  });

  it('is nowhere from two seconds after the document began to redact it', async () => {
    const { log, models, clock } = setUp({ features: ['mean', 'age'] });
    const source = { topic: 'changed', partition: 0 };
    const { epoch } = await log.claim(source);
    const write = async (offset: number): Promise<void> => {
      const value = Buffer.from(JSON.stringify(native(offset)));
      const records = [{ offset, key: null, value, headers: {}, timestamp: T0.getTime() }];
      await log.write({ source, epoch, from: offset, to: offset + 1, format: 'native', records });
    };
    await write(0);
    expect(await leaks()).toEqual(['telemetry.sample']);
    await test.db.query('TRUNCATE telemetry.sample');
    const [before] = models.models;
    const telemetry = { ...before!.spec.telemetry, redact: ['secret'] };
    models.models[0] = { ...before!, spec: { ...before!.spec, telemetry } };
    clock.advance(2001);
    await write(1);
    expect(await leaks()).toEqual([]);
    expect(await test.db.query('SELECT request_id FROM telemetry.sample')).toEqual([{ request_id: 'r1' }]);
  });

  it('is not kept either where a body is refused at the door', async () => {
    const { models, clock } = setUp({ redact: ['secret'] });
    const letters = new RedactingDeadLetterStore(new PostgresDeadLetterStore(test.db), new ModelViews(models, clock));
    const head = Buffer.from(JSON.stringify([native(1), native(2)]));
    const place = { topic: 'http', partition: 0, offset: null, model: null, at: T0, sha256: 'sha256:0' };
    await letters.add([{ ...place, head, sizeBytes: head.length, reason: { class: 'too-large', detail: 'x' } }]);
    expect(await letters.list({ limit: 10 })).toHaveLength(1);
    expect(await leaks()).toEqual([]);
  });
});

describe('a model that keeps no inputs', () => {
  it('has none in the database, and still counts everything', async () => {
    await sendEverything(setUp({ sampling: false, features: ['mean', 'age'] }).intake);
    expect(await leaks()).toEqual([]);
    const [sums] = await test.db.query<{ requests: number }>(
      `SELECT sum(requests)::float8 AS requests FROM telemetry."window"`,
    );
    expect(sums?.requests).toBe(320);
  });
});

describe('a request that asks for it', () => {
  it('is counted, but its input is not kept', async () => {
    const { intake } = setUp({ features: ['age'] });
    await Promise.all([
      intake.submit([entry(native(1, { sample: false })), entry(native(2, { input: [3, 1, 1, 1] }))]),
      intake.flush(),
    ]);
    expect(await leaks()).toEqual([]);
    expect(await test.db.query('SELECT request_id FROM telemetry.sample')).toEqual([{ request_id: 'r2' }]);
    const [refused] = [decodeEvent(native(3, { sample: 'no' }))];
    expect(refused).toEqual({ bad: { class: 'field', detail: 'sample must be true or false' } });
  });
});
