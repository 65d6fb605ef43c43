import fc from 'fast-check';

const event = {
  ...{ schema: 'ratchet.dev/inference/v1', requestId: 'r', model: 'toy', version: `sha256:${'a'.repeat(64)}` },
  ...{ arm: 'stable', at: '2026-01-01T00:00:00.000Z', latencyMs: 1, prediction: 1, confidence: 0.5 },
  ...{ features: { mean: 1 }, input: [1, 2, 3, 4], shadow: { version: `sha256:${'b'.repeat(64)}`, prediction: 1 } },
};
const tensor = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };
const envelope = { specversion: '1.0', id: 'i', source: 's', type: 'dev.ratchet.inference.v1', data: event };

/** Well-formed inputs of every kind: what is fuzzed begins near them, because random bytes seldom get past the first check. */
export const SEEDS: readonly Uint8Array[] = [
  event,
  { schema: 'ratchet.dev/label/v1', model: 'toy', requestId: 'r', label: 1 },
  {
    schema: 'ratchet.dev/served/v1',
    model: 'toy',
    version: event.version,
    at: event.at,
    seconds: 1,
    requests: 1,
    source: 's',
  },
  { inputs: [tensor] },
  { model_name: 'toy', outputs: [{ ...tensor, shape: [1, 3], data: [[0, 0, 1]] }] },
  { inputs: [{ ...tensor, data: undefined, parameters: { binary_data_size: 16 } }] },
  envelope,
  { ...envelope, data: undefined, data_base64: Buffer.from(JSON.stringify(event)).toString('base64') },
  [envelope, envelope],
]
  .map((value) => Buffer.from(JSON.stringify(value)))
  .concat([
    // ModelInferRequest: id "r", one input "x" of FP32 [1, 2] with contents 1 and 2.
    Buffer.from('1a01722a190a0178120446503332 1a0201022a0a320800 00803f00000040'.replaceAll(' ', ''), 'hex'),
    Buffer.from('ce_specversion:1.0\nce_id:i\nce_source:s\nce_type:org.kubeflow.serving.inference.request'),
  ]);

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    -1,
    0,
    2 ** 53,
    1e308,
    -0,
    '',
    '\0',
    '\ud800',
    '__proto__',
    'constructor',
    [],
    {},
    null,
    true,
  ),
);

/** Bytes, JSON of any shape, and well-formed inputs with bytes or values changed. */
export const anyInput: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 5 }).map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: mutatedBytes() },
  { weight: 3, arbitrary: mutatedJson() },
);

function mutatedBytes(): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ at: fc.nat(2000), byte: fc.nat(255), kind: fc.constantFrom('set', 'cut', 'insert') });
  return fc.tuple(fc.constantFrom(...SEEDS), fc.array(change, { minLength: 1, maxLength: 4 })).map(([seed, changes]) =>
    changes.reduce<Uint8Array>((bytes, { at, byte, kind }) => {
      const place = at % (bytes.length + 1);
      if (kind === 'cut') return bytes.slice(0, place);
      const [head, tail] = [bytes.slice(0, place), bytes.slice(kind === 'set' ? place + 1 : place)];
      return Buffer.concat([head, Buffer.from([byte]), tail]);
    }, seed),
  );
}

/** A well-formed input with one of its values, however deep, replaced by something odd. */
function mutatedJson(): fc.Arbitrary<Uint8Array> {
  const objects = SEEDS.flatMap((seed) => {
    try {
      return [JSON.parse(Buffer.from(seed).toString()) as unknown];
    } catch {
      return [];
    }
  });
  return fc.tuple(fc.constantFrom(...objects), fc.nat(1000), odd).map(([value, at, replacement]) => {
    const paths = [...pathsOf(value)];
    return Buffer.from(JSON.stringify(replaced(value, paths[at % paths.length] ?? [], replacement)));
  });
}

function* pathsOf(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) yield* pathsOf(inner, [...path, name]);
}

function replaced(value: unknown, [name, ...rest]: readonly string[], replacement: unknown): unknown {
  if (name === undefined) return replacement;
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  (copy as Record<string, unknown>)[name] = replaced((value as Record<string, unknown>)[name], rest, replacement);
  return copy;
}
