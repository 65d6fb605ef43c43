import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Answer } from '../../serving/index.js';
import { digestOf, T0 } from '../testing/index.js';
import { answerEvent } from './answer-event.js';
import { decodeEvent } from './decode-event.js';
import { encodeAnswer, encodeLabel, encodeServed } from './encode-event.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));
const share = fc.double({ min: 0, max: 1, noNaN: true }).map((value) => (value === 0 ? 0 : value));
const answers: fc.Arbitrary<Answer> = fc.record({
  requestId: fc.string({ minLength: 1, maxLength: 50, unit: 'grapheme' }).filter((id) => !id.includes('\0')),
  model: fc.constant('toy'),
  version: fc.constant(digestOf('a')),
  arm: fc.constantFrom('stable', 'candidate'),
  at: fc.date({ min: T0, noInvalidDate: true, max: new Date('2100-01-01') }),
  latencyMs: fc.double({ min: 0, max: 10_000, noNaN: true }).map((value) => (value === 0 ? 0 : value)),
  error: fc.constantFrom(null, 'runtime', 'overloaded'),
  input: fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 30 })
    .map((row) => Float32Array.from(row)),
  features: fc.dictionary(fc.constantFrom('mean', 'std', 'x.y', 'π'), number),
  prediction: fc.option(number),
  confidence: fc.option(share),
  shadow: fc.option(
    fc.record({
      ...{ version: fc.constant(digestOf('b')), latencyMs: fc.constant(1), prediction: fc.option(number) },
      ...{ confidence: fc.constant(null), error: fc.constantFrom(null, 'timeout') },
    }),
  ),
});

describe('a native event of the gateway', () => {
  it('is read back from the log as the same event that the engine would have got directly', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        expect(decodeEvent(bytes(encodeAnswer(answer)))).toEqual(answerEvent(answer));
      }),
    );
  });

  it('leaves the input out when its sender does not want it to be kept', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const read = decodeEvent(bytes(encodeAnswer({ ...answer, keepInput: false })));
        expect('ok' in read && read.ok.kind === 'inference' ? read.ok.input : 'refused').toBeNull();
      }),
    );
  });

  it('carries a row of the largest size', () => {
    const [answer] = fc.sample(answers, { numRuns: 1, seed: 3 });
    const input = Float32Array.from({ length: 190_000 }, (_, n) => n / 7);
    const read = decodeEvent(bytes(encodeAnswer({ ...answer!, input })));
    expect('ok' in read && read.ok.kind === 'inference' ? read.ok.input : null).toEqual(input);
  });

  it('tells labels and what was served', () => {
    expect(decodeEvent(bytes(encodeLabel('toy', 'r1', 2)))).toEqual({
      ok: { kind: 'label', model: 'toy', requestId: 'r1', label: 2 },
    });
    const count = { model: 'toy', version: digestOf('a'), at: T0, seconds: 10, requests: 7 };
    expect(decodeEvent(bytes(encodeServed(count, 'here')))).toEqual({
      ok: { kind: 'served', ...count, source: 'here' },
    });
  });
});
