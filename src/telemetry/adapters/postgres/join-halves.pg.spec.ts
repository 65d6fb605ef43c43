import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { viewOf } from '../../domain/admit.js';
import { telemetryPersistence } from '../../persistence.js';
import type { LogRecord } from '../../ports.js';
import { aModel, T0 } from '../../testing/index.js';
import { loggedRequest, loggedResponse } from '../../testing/kserve-events.js';
import { type LogStage, makeLogStage } from '../../testing/log-stage.js';

const source = { topic: 'cloudevents', partition: 2 };
let test: TestDatabase;
let stage: LogStage;
let next: number;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
});
afterAll(() => test.close());
beforeEach(reset);

async function reset(): Promise<void> {
  const tables = await test.db.query<{ name: string }>(
    `SELECT format('telemetry.%I', tablename) AS name FROM pg_tables WHERE schemaname = 'telemetry'`,
  );
  await test.db.query(`TRUNCATE ${tables.map(({ name }) => name).join()} RESTART IDENTITY`);
  stage = await makeLogStage(test.db, { RATCHET_TELEMETRY_HALF_WAIT_SECONDS: '30' });
  next = 0;
}

/** Records of one batch, at the offsets where the log stands. */
async function write(records: readonly Omit<LogRecord, 'offset'>[]): Promise<void> {
  const { epoch } = await stage.intake.claim(source);
  const [from, to] = [next, next + records.length];
  const placed = records.map((record, i) => ({ ...record, offset: from + i }));
  await stage.intake.write({ source, epoch, from, to, format: 'cloudevents', records: placed });
  next = to;
}

function recordOf({ headers, body }: ReturnType<typeof loggedRequest>): Omit<LogRecord, 'offset'> {
  const named = Object.entries(headers).map(([name, value]) => [name.replace(/^ce-/, 'ce_'), value]);
  return {
    key: null,
    value: body,
    headers: Object.fromEntries(named) as Record<string, string>,
    timestamp: T0.getTime() + 1000,
  };
}

const at = (ms: number): string => new Date(T0.getTime() + ms).toISOString();
const request = (n: number) => recordOf(loggedRequest({ id: `r${n}`, time: at(n * 100) }, [[n, 1, 2, 3]]));
const response = (n: number) =>
  recordOf(loggedResponse({ id: `r${n}`, time: at(n * 100 + 4) }, [[Number(n % 3 === 0), Number(n % 3 === 1), 0.5]]));

/** Everything that was counted, and nothing about the order in which it came. */
async function outcome(): Promise<unknown> {
  const windows = await stage.windows.listModel('toy', new Date(0));
  const answers = await test.db.query('SELECT request_id, prediction, at FROM telemetry.answer ORDER BY 1');
  const waiting = await test.db.query('SELECT half_id FROM telemetry.pending_half WHERE NOT joined ORDER BY 1');
  const letters = await stage.letters.list({ limit: 200 });
  return {
    answers,
    waiting,
    letters: letters.map(({ reason, headers }) => `${headers['ce_id']} ${reason.class}`).sort(),
    // The sums of floats depend on their order in the last bit.
    windows: windows.map((window) => ({
      ...window,
      moments: Object.entries(window.moments)
        .map(([name, { count, min, max }]) => [name, count, min, max])
        .sort(),
    })),
  };
}

describe('halves', () => {
  it('give the same in any order, with any repetitions, in any batches', async () => {
    const halves = [0, 1, 2, 3, 4, 5].flatMap((n) => [request(n), response(n)]);
    // Two whose other half is not logged.
    const all = [...halves, request(8), response(9)];
    await write(all);
    const expected = await outcome();
    const shuffled = fc.shuffledSubarray(all, { minLength: all.length }).chain((order) =>
      fc.record({
        order: fc.constant(order),
        repeats: fc.array(fc.record({ which: fc.nat(all.length - 1), where: fc.nat(30) }), { maxLength: 8 }),
        cuts: fc.array(fc.nat(30), { maxLength: 6 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ order, repeats, cuts }) => {
        await reset();
        const stream = [...order];
        for (const { which, where } of repeats) {
          const one = all[which];
          if (one !== undefined) stream.splice(where % (stream.length + 1), 0, one);
        }
        const ends = [...new Set([...cuts.map((cut) => cut % stream.length), stream.length])].sort((a, b) => a - b);
        let begin = 0;
        for (const end of ends) {
          if (end > begin) await write(stream.slice(begin, end));
          begin = Math.max(begin, end);
        }
        expect(await outcome()).toEqual(expected);
      }),
      { numRuns: 25, seed: 7 },
    );
  }, 120_000);

  it('meet across batches of other partitions', async () => {
    await write([request(1)]);
    const other = { topic: 'cloudevents', partition: 3 };
    const { epoch } = await stage.intake.claim(other);
    const record = { ...response(1), offset: 40 };
    const report = await stage.intake
      .write({ source: other, epoch, from: 40, to: 41, format: 'cloudevents', records: [record] })
      .catch(() => null);
    // A partition that was never read begins at 0.
    expect(report).toBeNull();
    const again = { source: other, epoch, from: 0, to: 41, format: 'cloudevents' as const, records: [record] };
    expect(await stage.intake.write(again)).toMatchObject({ counted: 1, halves: { joined: 1, waiting: 0 } });
  });

  it('that wait keep their place, so that a dead letter names it', async () => {
    await write([response(2), request(1)]);
    stage.clock.advance(31_000);
    await stage.expiry.expire(viewOf(aModel()));
    const place = { topic: 'cloudevents', partition: 2, offset: 1, format: 'cloudevents' };
    expect(await stage.letters.list({ limit: 9 })).toMatchObject([{ ...place, reason: { class: 'half-unmatched' } }]);
    expect(await stage.windows.listModel('toy', new Date(0))).toMatchObject([{ requests: 1 }]);
  });

  it('are joined once when their commit is repeated', async () => {
    const { epoch } = await stage.intake.claim(source);
    const records = [request(1), response(1)].map((record, offset) => ({ ...record, offset }));
    const chunk = { source, epoch, from: 0, to: 2, format: 'cloudevents' as const, records };
    expect(await stage.intake.write(chunk)).toMatchObject({ outcome: 'committed', counted: 1 });
    expect(await stage.intake.write(chunk)).toMatchObject({ outcome: 'repeated', counted: 0 });
    expect(await stage.windows.listModel('toy', new Date(0))).toMatchObject([{ requests: 1 }]);
  });

  it('of a model that redacts a column wait without it, and meet as well', async () => {
    const model = aModel('toy', { columns: ['age', 'a', 'b', 'c'], redact: ['age'], features: ['a'] });
    const { redactedHalf } = await import('../../half-redaction.js');
    const { ProtocolDecoder } = await import('../cloudevents/foreign-decoder.js');
    const decoder = new ProtocolDecoder({ inferenceServices: new Map() });
    const record = { ...request(7), offset: 0 };
    const decoded = decoder.decode(record, 'cloudevents', 't');
    if ('bad' in decoded || decoded.ok.kind !== 'half') throw new Error('no half');
    const kept = redactedHalf({ half: decoded.ok, format: 'cloudevents', record }, model.spec);
    const again = decoder.decode(kept.record, 'cloudevents', 't');
    const tensors = [{ name: 'x', rows: 1, values: Float32Array.of(0, 1, 2, 3) }];
    expect(again).toEqual({ ok: { ...decoded.ok, tensors } });
  });
});
