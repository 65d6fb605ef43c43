/**
 * A tiny "encoder" as ONNX bytes, so that tests need no file: `embeddings[token]` of each token, as [1, tokens, size].
 * Field numbers: onnx.proto3.
 */
export function lookupEncoder(embeddings: readonly (readonly number[])[], input = 'input_ids'): Uint8Array {
  const size = embeddings[0]?.length ?? 0;
  const table = new Uint8Array(Float32Array.from(embeddings.flat()).buffer);
  const tensor = [varint(1, embeddings.length), varint(1, size), varint(2, FLOAT), text(8, 'table'), bytes(9, table)];
  const node = [text(1, 'table'), text(1, input), text(2, 'last_hidden_state'), text(4, 'Gather')];
  const graph = [
    bytes(1, join(node)),
    text(2, 'lookup'),
    bytes(5, join(tensor)),
    bytes(11, valueInfo(input, INT64, ['batch', 'tokens'])),
    bytes(12, valueInfo('last_hidden_state', FLOAT, ['batch', 'tokens', size])),
  ];
  const opset = join([text(1, ''), varint(2, 17)]);
  return join([varint(1, 8), text(2, 'ratchet-tests'), bytes(8, opset), bytes(7, join(graph))]);
}

const FLOAT = 1;
const INT64 = 7;

function valueInfo(name: string, type: number, shape: readonly (string | number)[]): Uint8Array {
  const dimensions = shape.map((size) => bytes(1, typeof size === 'string' ? text(2, size) : varint(1, size)));
  return join([text(1, name), bytes(2, bytes(1, join([varint(1, type), bytes(2, join(dimensions))])))]);
}

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([...encode(field * 8), ...encode(value)]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return join([Uint8Array.from([...encode(field * 8 + 2), ...encode(content.length)]), content]);
}

function encode(value: number): number[] {
  const parts: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) parts.push((rest % 128) + 128);
  return [...parts, rest];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
