import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { anEvent, digestOf, T0 } from '../../testing/index.js';
import { decodeEvent } from '../decode-event.js';
import { type InferenceEvent, INFERENCE_SCHEMA, LABEL_SCHEMA, SERVED_SCHEMA, type TelemetryEvent } from '../event.js';
import { EventRow, MODEL_ORDER } from '../event-row.js';
import { stableHash } from '../stable-hash.js';
import { decodeLabel, decodeServed } from './decode-fact.js';
import { readInference } from './decode-inference.js';
import { INFERENCE, isProtobuf, LABEL, RecordFrame, singleOf } from './decode-record.js';
import { encodeRecord, type RecordEvent } from './encode-record.js';

const proto = readFileSync(resolve(import.meta.dirname, '../../../../schemas/telemetry/inference.proto'), 'utf8');
const Record_ = protobuf.parse(proto, { keepCase: true }).root.lookupType('ratchet.telemetry.v1.Record');

/** Every event of a record, or why not. */
function decodeRecord(bytes: Uint8Array): (TelemetryEvent | string)[] | string {
  const frame = new RecordFrame();
  const reason = frame.read(bytes);
  if (reason !== null) return `${reason.class}: ${reason.detail}`;
  return Array.from({ length: frame.count }, (_, part) => {
    if (frame.kinds[part] === INFERENCE) {
      const row = new EventRow();
      const bad = readInference(frame, part, row);
      return bad === null ? row.toEvent() : `${bad.class}: ${bad.detail}`;
    }
    const fact = frame.kinds[part] === LABEL ? decodeLabel(frame, part) : decodeServed(frame, part);
    return 'ok' in fact ? fact.ok : `${fact.bad.class}: ${fact.bad.detail}`;
  });
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\0'));
const version = fc.integer({ min: 0, max: 15 }).map((digit) => digestOf(digit.toString(16)));
const output = fc
  .oneof(fc.array(finite, { minLength: 1, maxLength: 20 }), fc.string({ unit: 'grapheme', maxLength: 50 }))
  .filter((value) => typeof value !== 'string' || !value.includes('\0'));
const option = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const featureNames = fc.uniqueArray(
  name.filter((text) => text !== '__proto__'),
  { maxLength: 20 },
);
const at = fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms));
const answer = fc.oneof(
  fc.record({ prediction: finite, output: option(output), error: fc.constant(null) }),
  fc.record({ prediction: fc.constant(null), output, error: fc.constant(null) }),
  fc.record({ prediction: fc.constant(null), output: fc.constant(null), error: name }),
);
const inferenceOf = (names: readonly string[]): fc.Arbitrary<InferenceEvent> =>
  fc
    .record({
      kind: fc.constant('inference' as const),
      requestId: name,
      model: name,
      version,
      arm: fc.constantFrom('stable' as const, 'candidate' as const),
      at,
      latencyMs: option(fc.double({ min: 0, max: 86_400_000, noNaN: true })),
      confidence: option(fc.double({ min: 0, max: 1, noNaN: true })),
      shadow: option(fc.record({ version, prediction: option(finite), output: option(output) })),
      input: option(fc.float32Array({ minLength: 1, maxLength: 8, noNaN: true, noDefaultInfinity: true })),
      values: fc.array(finite, { minLength: names.length, maxLength: names.length }),
      answer,
    })
    .map(({ values, answer: said, ...rest }) => ({
      ...rest,
      ...said,
      features: Object.fromEntries(names.map((feature, i) => [feature, values[i] ?? 0])),
    }));
const label = fc.record({ kind: fc.constant('label' as const), requestId: name, model: name, label: finite });
const served = fc.record({
  kind: fc.constant('served' as const),
  model: name,
  version,
  at,
  seconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
  requests: fc.nat(1e9),
  source: name,
});
const events: fc.Arbitrary<RecordEvent[]> = featureNames.chain((names) =>
  fc
    .tuple(fc.array(inferenceOf(names), { maxLength: 5 }), fc.array(fc.oneof(label, served), { maxLength: 3 }))
    .map(([inferences, facts]) => [...inferences, ...facts])
    .filter((all) => all.length > 0),
);

/** The same event in its JSON form, decoded. */
function throughJson(event: RecordEvent): unknown {
  const schema = { inference: INFERENCE_SCHEMA, label: LABEL_SCHEMA, served: SERVED_SCHEMA }[event.kind];
  const input = event.kind === 'inference' && event.input !== null ? { input: Array.from(event.input) } : {};
  const decoded = decodeEvent(new TextEncoder().encode(JSON.stringify({ ...event, ...input, schema })));
  return 'ok' in decoded ? decoded.ok : decoded.bad;
}

describe('the Protobuf form', () => {
  it('says the same as the JSON form', () => {
    fc.assert(
      fc.property(events, (all) => {
        // JSON has no negative zero.
        const plain = JSON.parse(JSON.stringify(all.map(throughJson))) as unknown;
        expect(JSON.parse(JSON.stringify(decodeRecord(encodeRecord(all))))).toEqual(plain);
      }),
      { numRuns: 300 },
    );
  });

  it('is what the committed schema says, in both directions', () => {
    fc.assert(
      fc.property(events, (all) => {
        const bytes = encodeRecord(all);
        expect(Record_.verify(Record_.decode(bytes))).toBeNull();
        const written = Record_.encode(Record_.decode(bytes)).finish();
        // Encoders write the kinds one after the other.
        expect(byKind(decodeRecord(new Uint8Array(written)))).toEqual(byKind(decodeRecord(bytes)));
      }),
      { numRuns: 200 },
    );
  });

  it('has these bytes', () => {
    const event = anEvent(7, { model: 'm', requestId: 'r', features: { a: 0.5 }, input: null, at: new Date(1000) });
    expect(Buffer.from(encodeRecord([event])).toString('hex')).toBe(
      `32016d3a20${'aa'.repeat(32)}420161122b1a017220e807290000000000002040` +
        '3208000000000000e03f41000000000000f03f49666666666666ee3f',
    );
  });

  it("takes values in the order of the document's features, and says of which ones", () => {
    const event = anEvent(1, { features: { a: 1, b: 2 } });
    const bytes = encodeRecord([event], ['a', 'b']);
    const frame = new RecordFrame();
    const row = new EventRow();
    expect([frame.read(bytes), readInference(frame, 0, row)]).toEqual([null, null]);
    expect(row.names).toBe(MODEL_ORDER);
    expect([row.featureSet, row.count]).toEqual([stableHash('a\0b'), 2]);
    expect(row.toEvent(['a', 'b'])).toEqual(event);
    expect(bytes.length).toBeLessThan(encodeRecord([event]).length);
  });

  it('refuses one event of a record and reads the others; the refused one becomes a record of its own', () => {
    const good = anEvent(1, { features: {} });
    const bytes = encodeRecord([good, anEvent(2, { features: {}, latencyMs: -1 }), anEvent(3, { features: {} })]);
    expect(decodeRecord(bytes)).toMatchObject([
      { requestId: 'r1' },
      'field: latency_ms must be a number between 0 and 86400000',
      { requestId: 'r3' },
    ]);
    expect(decodeRecord(singleOf(bytes, 1))).toEqual(['field: latency_ms must be a number between 0 and 86400000']);
    expect(decodeRecord(singleOf(bytes, 2))).toMatchObject([{ requestId: 'r3', model: 'toy', version: digestOf('a') }]);
  });

  it.each([
    ['nothing', [], 'schema: is a Protobuf record without an event'],
    ['an end in the middle of a number', [0x12, 0xff], 'schema: is no Protobuf record: ends too early'],
    ['a length beyond the end', [0x12, 0x05, 0x00], 'schema: is no Protobuf record: ends too early'],
    ['a number without an end', [0x28, ...Array<number>(11).fill(0xff)], 'is too long'],
    ['a group', [0x2b], 'wire type 3 is not used'],
    ['a digest of 3 bytes', [0x3a, 3, 1, 2, 3], 'version must have the 32 bytes'],
    ['a name that is no UTF-8', [0x42, 1, 0xff], 'a text is not UTF-8'],
    ['too many events', Array.from({ length: 2 * 4097 }, (_, i) => (i % 2 === 0 ? 0x12 : 0)), 'more than 4096 events'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(decodeRecord(Uint8Array.from(bytes))).toContain(reason);
  });

  it('neither crashes nor hangs on garbage, and what it takes is bounded and finite', () => {
    const mutated = fc
      .tuple(events, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }))
      .map(([all, changes]) => {
        const bytes = encodeRecord(all);
        for (const [place, value] of changes) bytes[place % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated), (bytes) => {
        const decoded = decodeRecord(bytes);
        if (typeof decoded === 'string') return decoded.length < 400;
        return decoded.every((event) => {
          if (typeof event === 'string') return event.length < 400;
          if (event.kind !== 'inference') return event.model.length > 0;
          return (
            event.requestId.length > 0 &&
            event.at.getTime() >= 0 &&
            Object.values(event.features).every(Number.isFinite) &&
            (event.prediction === null || Number.isFinite(event.prediction))
          );
        });
      }),
      { numRuns: 3000 },
    );
  });

  it('is told from JSON by its header or its first byte', () => {
    const bytes = encodeRecord([anEvent(1, { at: T0 })]);
    expect(isProtobuf(bytes, undefined)).toBe(true);
    expect(isProtobuf(bytes, 'application/json')).toBe(false);
    for (const text of ['{}', ' {}', '\n{}', '\t', '\r', '[]']) {
      expect(isProtobuf(new TextEncoder().encode(text), undefined)).toBe(false);
      expect(isProtobuf(new TextEncoder().encode(text), 'application/x-protobuf')).toBe(true);
    }
    expect(isProtobuf(new Uint8Array(), undefined)).toBe(false);
    const tags = Object.values(Record_.fields).map(({ id, type }) => (id << 3) | wireType(type));
    for (const tag of tags) expect([0x7b, 0x5b, 0x20, 0x09, 0x0a, 0x0d]).not.toContain(tag);
  });
});

function byKind(decoded: (TelemetryEvent | string)[] | string): unknown {
  if (typeof decoded === 'string') return decoded;
  return decoded.toSorted((a, b) => (kindOf(a) < kindOf(b) ? -1 : Number(kindOf(a) > kindOf(b))));
}

function kindOf(event: TelemetryEvent | string): string {
  return typeof event === 'string' ? event : event.kind;
}

function wireType(type: string): number {
  return type === 'fixed32' ? 5 : 2;
}
