import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeEvent, MAX_EVENT_BYTES } from './decode-event.js';
import { rowToBytes } from './decode-input.js';

const version = `sha256:${'a'.repeat(64)}`;
const event = {
  schema: 'ratchet.dev/inference/v1',
  requestId: 'r1',
  model: 'digits',
  version,
  arm: 'candidate',
  at: '2026-01-01T00:00:00.250Z',
  latencyMs: 1.5,
  error: null,
  features: { mean: 0.1 },
  prediction: 3,
  confidence: 0.9,
  shadow: { version, prediction: 4 },
  input: [1, 2],
};
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

describe('decodeEvent', () => {
  it('reads a whole inference event', () => {
    expect(decodeEvent(bytes(event))).toEqual({
      ok: {
        kind: 'inference',
        requestId: 'r1',
        model: 'digits',
        version,
        arm: 'candidate',
        at: new Date('2026-01-01T00:00:00.250Z'),
        latencyMs: 1.5,
        error: null,
        features: { mean: 0.1 },
        prediction: 3,
        confidence: 0.9,
        output: null,
        shadow: { version, prediction: 4, output: null },
        input: Float32Array.of(1, 2),
      },
    });
  });

  it('reads the least there can be, milliseconds, base64 and a label', () => {
    const { arm: _, features: __, shadow: ___, confidence: ____, error: _____, ...least } = event;
    const input = btoa(String.fromCharCode(...rowToBytes(Float32Array.of(0.5, -2))));
    expect(decodeEvent({ ...least, at: 1000, input })).toMatchObject({
      ok: {
        arm: 'stable',
        at: new Date(1000),
        features: {},
        shadow: null,
        confidence: null,
        input: Float32Array.of(0.5, -2),
      },
    });
    const label = { schema: 'ratchet.dev/label/v1', requestId: 'r1', model: 'digits', label: 7 };
    expect(decodeEvent(label)).toEqual({ ok: { kind: 'label', requestId: 'r1', model: 'digits', label: 7 } });
  });

  it.each([
    ['what is no JSON', '{"a":', 'not-json', 'is not JSON'],
    ['nothing', '', 'not-json', 'is not JSON'],
    ['NaN', JSON.stringify(event).replace('1.5', 'NaN'), 'not-json', 'NaN is no JSON number'],
    ['Infinity', '{"latencyMs": -Infinity}', 'not-json', '-Infinity is no JSON number'],
    ['an array', [1], 'schema', 'is not a JSON object'],
    ['null', null, 'schema', 'is not a JSON object'],
    ['another schema', { ...event, schema: 'x' }, 'schema', 'schema must be'],
    ['no model', { ...event, model: undefined }, 'field', 'model is missing'],
    ['an empty model', { ...event, model: '' }, 'field', 'model must be a text'],
    [
      'a number that overflows',
      JSON.stringify(event).replace('1.5', '1e999'),
      'field',
      'latencyMs must be a finite number',
    ],
    ['a negative latency', { ...event, latencyMs: -1 }, 'field', 'latencyMs must be between'],
    ['a long text', { ...event, requestId: 'x'.repeat(257) }, 'field', 'requestId must be a text of 1 to 256'],
    ['NUL, which the store cannot hold', { ...event, requestId: 'a\0b' }, 'field', 'requestId must be'],
    [
      'half a character',
      '{"schema":"ratchet.dev/label/v1","requestId":"\\ud800","model":"m","label":1}',
      'field',
      'requestId',
    ],
    ['a version that is no digest', { ...event, version: 'v1' }, 'field', 'version must be a digest'],
    ['neither prediction nor error', { ...event, prediction: null }, 'field', 'prediction is missing'],
    ['both', { ...event, error: 'timeout' }, 'field', 'exclude each other'],
    ['a confidence above 1', { ...event, confidence: 1.1 }, 'field', 'confidence must be between 0 and 1'],
    ['a time without a zone', { ...event, at: '2026-01-01T00:00:00' }, 'field', 'at must be'],
    ['no time', { ...event, at: 'soon' }, 'field', 'at must be'],
    ['a feature that is no number', { ...event, features: { mean: '1' } }, 'field', 'features.mean must be'],
    [
      'a dangerous feature',
      JSON.stringify(event).replace('"mean"', '"__proto__"'),
      'field',
      'a name that cannot be used',
    ],
    ['an input with a text', { ...event, input: [1, 'x'] }, 'field', 'input[1] must be'],
    ['an input beyond 32 bits', { ...event, input: [1e300] }, 'field', 'input[0] must be'],
    ['an input that is no base64', { ...event, input: '%%' }, 'field', 'input is not base64'],
    ['an input of 3 bytes', { ...event, input: 'AAAA' }, 'field', 'input must hold'],
    ['another arm', { ...event, arm: 'left' }, 'field', 'arm must be'],
  ])('refuses %s and says why', (_, value, kind, detail) => {
    const decoded = decodeEvent(bytes(value));
    expect(decoded).toMatchObject({ bad: { class: kind, detail: expect.stringContaining(detail) as unknown } });
  });

  it('refuses what is too large before it reads it, and what is no UTF-8', () => {
    expect(decodeEvent(new Uint8Array(MAX_EVENT_BYTES + 1))).toMatchObject({ bad: { class: 'too-large' } });
    expect(decodeEvent(Uint8Array.of(0x22, 0xff, 0x22))).toEqual({
      bad: { class: 'not-json', detail: 'is not UTF-8' },
    });
  });

  it('never throws, whatever it gets, and what it accepts is bounded and finite', () => {
    const field = fc.constantFrom(...Object.keys(event));
    const mutated = fc
      .tuple(field, fc.oneof(fc.anything(), fc.jsonValue()))
      .map(([name, value]) => ({ ...event, [name]: value }));
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.anything(),
      fc.json().map(bytes),
      mutated,
      mutated.map((value) => {
        try {
          return bytes(JSON.stringify(value) ?? '');
        } catch {
          return bytes('');
        }
      }),
    );
    fc.assert(
      fc.property(input, (value) => {
        const decoded = decodeEvent(value);
        if ('bad' in decoded) return decoded.bad.detail.length < 400;
        const got = decoded.ok;
        if (got.kind === 'label') return Number.isFinite(got.label);
        return (
          got.kind === 'inference' &&
          got.requestId.length <= 256 &&
          (got.latencyMs === null || Number.isFinite(got.latencyMs)) &&
          Object.values(got.features).every(Number.isFinite)
        );
      }),
      { numRuns: 2000 },
    );
  });
});
