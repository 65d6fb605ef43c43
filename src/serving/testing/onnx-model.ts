/** Writes small ONNX files, so that tests need no fixture and can ask for what they want. Field numbers: onnx.proto3. */
export interface LinearModel {
  readonly input?: { readonly name?: string; readonly shape?: readonly number[] };
  readonly output?: { readonly name?: string };
  /** One bias a class; the number of classes. */
  readonly bias: readonly number[];
  /** Row-major, row size × classes; zeros when absent, so that the bias alone decides. */
  readonly weights?: readonly number[];
  /** Operator set domain of the linear node, to make an operator that no runtime knows. */
  readonly domain?: string;
}

/** `logits = flatten(input) · weights + bias`, batch open. */
export function linearModel(model: LinearModel): Uint8Array {
  const shape = model.input?.shape ?? [-1, 1, 4, 4];
  const input = model.input?.name ?? 'input';
  const output = model.output?.name ?? 'logits';
  const classes = model.bias.length;
  const size = shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  const weights = model.weights ?? new Array<number>(size * classes).fill(0);
  const graph = [
    bytes(1, node('Flatten', [input], ['rows'])),
    bytes(1, node('Gemm', ['rows', 'weights', 'bias'], [output], model.domain)),
    text(2, 'linear'),
    bytes(5, tensor('weights', [size, classes], weights)),
    bytes(5, tensor('bias', [classes], model.bias)),
    bytes(11, valueInfo(input, shape)),
    bytes(12, valueInfo(output, [-1, classes])),
  ];
  const opsets = ['', ...(model.domain === undefined ? [] : [model.domain])].map((domain) =>
    bytes(8, join([text(1, domain), varint(2, domain === '' ? 17 : 1)])),
  );
  return join([varint(1, 8), text(2, 'ratchet-tests'), ...opsets, bytes(7, join(graph))]);
}

function node(type: string, inputs: readonly string[], outputs: readonly string[], domain?: string): Uint8Array {
  const named = [...inputs.map((name) => text(1, name)), ...outputs.map((name) => text(2, name)), text(4, type)];
  return join(domain === undefined ? named : [...named, text(7, domain)]);
}

function tensor(name: string, shape: readonly number[], values: readonly number[]): Uint8Array {
  const raw = new Uint8Array(Float32Array.from(values).buffer);
  return join([...shape.map((dimension) => varint(1, dimension)), varint(2, FLOAT), text(8, name), bytes(9, raw)]);
}

function valueInfo(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = shape.map((size) => bytes(1, size < 0 ? text(2, 'batch') : varint(1, size)));
  const type = bytes(1, join([varint(1, FLOAT), bytes(2, join(dimensions))]));
  return join([text(1, name), bytes(2, type)]);
}

const FLOAT = 1;

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([...encode(field * 8), ...encode(value)]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return join([Uint8Array.from([...encode(field * 8 + 2), ...encode(value.length)]), value]);
}

function encode(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...encode(Math.floor(value / 128))];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
