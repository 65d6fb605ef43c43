import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyInput, SEEDS } from './inputs.js';
import { expectContract, TARGETS } from './targets.js';

/** `FUZZ_RUNS=100000 npm test -- test/fuzz` looks longer. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000);

describe.each(Object.entries(TARGETS))('the decoder of %s', (_, target) => {
  it('takes any bytes: it never throws, and refuses with a known class and a short reason', () => {
    fc.assert(
      fc.property(anyInput, (bytes) => {
        expectContract(target(bytes));
      }),
      { numRuns, seed: 18 },
    );
  }, 120_000);

  it('says the same of the same bytes, and leaves them as they are', () => {
    fc.assert(
      fc.property(anyInput, (bytes) => {
        const before = Buffer.from(bytes);
        expect(target(bytes)).toEqual(target(Buffer.from(bytes)));
        expect(Buffer.compare(before, bytes)).toBe(0);
      }),
      { numRuns: Math.ceil(numRuns / 10), seed: 19 },
    );
  }, 120_000);
});

describe('what wants to cost much', () => {
  const nested = (open: string, close: string, times: number): Buffer =>
    Buffer.from(open.repeat(times) + close.repeat(times));
  const costly: Readonly<Record<string, Uint8Array>> = {
    'deep lists': nested('[', ']', 200_000),
    'deep objects': Buffer.concat([nested('{"a":', '', 100_000), Buffer.from('1'), nested('', '}', 100_000)]),
    'lists deep in a tensor': Buffer.from(
      `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":${'['.repeat(50_000)}1${']'.repeat(50_000)}}]}`,
    ),
    'a shape without data': Buffer.from(
      '{"inputs":[{"name":"x","shape":[1,1048576],"datatype":"FP64","data":[]},{"name":"y","shape":[9007199254740991],"datatype":"FP64","data":[]}]}',
    ),
    'many tensors': Buffer.from(
      `{"inputs":[${Array(20_000).fill('{"name":"x","shape":[1],"datatype":"FP32","data":[1]}').join()}]}`,
    ),
    'many attributes': Buffer.from(`{${Array.from({ length: 50_000 }, (_, i) => `"a${i}":"b"`).join()}}`),
    'one long attribute': Buffer.from(
      JSON.stringify({ specversion: '1.0', id: 'i'.repeat(900_000), source: 's', type: 't' }),
    ),
    'a text length of 4 GiB': Buffer.concat([
      Buffer.from('{"inputs":[{"name":"x","shape":[3],"datatype":"BYTES","parameters":{"binary_data_size":8}}]}'),
      Buffer.from([255, 255, 255, 255, 1, 2, 3, 4]),
    ]),
    'nested groups of Protobuf': Buffer.alloc(900_000, 0x0b),
    'a length beyond the end': Buffer.from([0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    'numbers that never end': Buffer.alloc(100_000, 0xff),
  };

  it.each(Object.entries(costly))('%s: every decoder answers at once', (_, bytes) => {
    for (const [name, target] of Object.entries(TARGETS)) {
      const before = process.cpuUsage();
      expectContract(target(bytes));
      const { user, system } = process.cpuUsage(before);
      expect([name, (user + system) / 1e6 < 3]).toEqual([name, true]);
    }
  });

  it('is not what the seeds are: each of them is taken by some decoder', () => {
    for (const seed of SEEDS) {
      const results = Object.values(TARGETS).flatMap((target) => target(seed));
      expect(results.some((result) => 'ok' in result) || seed.length === 0 || isHalfOnly(seed)).toBe(true);
    }
  });
});

/** The JSON part of a body whose binary part is missing, and headers without a body, are taken by nobody. */
function isHalfOnly(seed: Uint8Array): boolean {
  const text = Buffer.from(seed).toString();
  return text.includes('binary_data_size') || text.startsWith('ce_');
}
