import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '../../src/platform/postgres/testing/index.js';
import { ProtocolDecoder } from '../../src/telemetry/adapters/cloudevents/foreign-decoder.js';
import { decodeEvent } from '../../src/telemetry/domain/decode-event.js';
import { isProtobuf } from '../../src/telemetry/domain/protobuf/decode-record.js';
import { telemetryPersistence } from '../../src/telemetry/persistence.js';
import type { LogFormat, LogRecord } from '../../src/telemetry/ports.js';
import { makeLogStage } from '../../src/telemetry/testing/log-stage.js';
import { anyInput } from './inputs.js';

let test: TestDatabase;
beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
});
afterAll(() => test.close());

const TOPICS: Readonly<Record<LogFormat, string>> = {
  native: 'events',
  cloudevents: 'cloudevents',
  seldon: 'seldon.ns.model.toy.inputs',
};
const headers = fc.constantFrom<Record<string, string>>(
  {},
  { 'content-type': 'application/cloudevents+json' },
  { 'content-type': 'application/x-protobuf' },
  { ce_specversion: '1.0', ce_id: 'i', ce_source: 's', ce_type: 'dev.ratchet.inference.v1' },
  { ce_specversion: '1.0', ce_id: '\0', ce_source: 's', ce_type: 'org.kubeflow.serving.inference.request' },
);

describe('records of any content', () => {
  it.each(Object.entries(TOPICS) as [LogFormat, string][])(
    'in a topic of format %s never stop it: what is not taken is a dead letter with its place, reason and hash',
    async (format, topic) => {
      const stage = await makeLogStage(test.db);
      const source = { topic, partition: 4 };
      const { epoch } = await stage.intake.claim(source);
      let next = 0;
      const record = fc.record({ value: fc.option(anyInput, { freq: 20 }), headers, gap: fc.nat(3) });
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 60 }), async (given) => {
          let offset = next;
          const records = given.map(({ value, headers: named, gap }): LogRecord => {
            offset += gap + 1;
            return { offset: offset - 1, key: null, value, headers: named, timestamp: 1_767_225_600_000 };
          });
          await test.db.query('TRUNCATE telemetry.dead_letter RESTART IDENTITY');
          const report = await stage.intake.write({ source, epoch, from: next, to: offset, format, records });
          next = offset;
          const letters = (await stage.letters.list({ limit: 5000 })).filter(({ topic: from }) => from === topic);
          const refused = Object.values(report.dead).reduce((sum, count) => sum + count, 0);
          const places = new Set(letters.map((letter) => letter.offset));
          expect(refused).toBeGreaterThanOrEqual(letters.length);
          for (const letter of letters) {
            const own = records.find(({ offset: at }) => at === letter.offset);
            expect(own).toBeDefined();
            expect([letter.partition, letter.reason.detail.length > 0]).toEqual([4, true]);
            const whole = `sha256:${createHash('sha256')
              .update(own?.value ?? Buffer.alloc(0))
              .digest('hex')}`;
            if (letter.sizeBytes === (own?.value?.length ?? 0)) expect(letter.sha256).toBe(whole);
          }
          for (const one of records) if (isRefused(one, format, topic)) expect(places).toContain(one.offset);
        }),
        { numRuns: 15, seed: 3 },
      );
    },
    60_000,
  );
});

const decoder = new ProtocolDecoder({ inferenceServices: new Map() });

/** What its decoder refuses, whatever the model says of the rest; Protobuf records may be refused in part. */
function isRefused(record: LogRecord, format: LogFormat, topic: string): boolean {
  if (record.value === null) return true;
  if (format !== 'native') return 'bad' in decoder.decode(record, format, topic);
  return !isProtobuf(record.value, record.headers['content-type']) && 'bad' in decodeEvent(record.value);
}
