/** Writes small ONNX files by hand, right and wrong ones, so that the admission check needs no Python in its tests. */

export interface ValueDescription {
  readonly name: string;
  readonly elementType?: number;
  /** -1 is a free dimension; null states no shape at all. */
  readonly shape: readonly number[] | null;
}

export interface OnnxDescription {
  readonly inputs?: readonly ValueDescription[];
  readonly outputs?: readonly ValueDescription[];
  readonly operator?: string;
  readonly domain?: string;
  readonly opsetDomains?: readonly string[];
  /** One more initializer whose data is in this other file. */
  readonly externalLocation?: string;
  /** The same in a subgraph of the node's attribute. */
  readonly hiddenExternalLocation?: string;
  /** One more initializer that announces this shape but has four bytes. */
  readonly brokenTensorDims?: readonly number[];
  /** Functions that the file defines itself. */
  readonly functions?: readonly { readonly operator: string; readonly domain: string }[];
  /** Makes two files with the same contract differ. */
  readonly producer?: string;
}

/** Bytes of a model that adds up to one node; by default an `Identity` from `x[-1, 4]` to `y[-1, 4]`. */
export function buildOnnx(description: OnnxDescription = {}): Uint8Array {
  const inputs = description.inputs ?? [{ name: 'x', shape: [-1, 4] }];
  const outputs = description.outputs ?? [{ name: 'y', shape: [-1, 4] }];
  const subgraph =
    description.hiddenExternalLocation === undefined
      ? []
      : [
          bytesField(5, [
            text(1, 'body'),
            varint(20, 5),
            bytesField(6, [externalTensor(description.hiddenExternalLocation)]),
          ]),
        ];
  const node = bytesField(1, [
    ...inputs.map((input) => text(1, input.name)),
    ...outputs.map((output) => text(2, output.name)),
    text(4, description.operator ?? 'Identity'),
    ...subgraph,
    text(7, description.domain ?? ''),
  ]);
  const graph = bytesField(7, [
    node,
    text(2, 'g'),
    ...(description.externalLocation === undefined ? [] : [externalTensor(description.externalLocation)]),
    ...(description.brokenTensorDims === undefined ? [] : [brokenTensor(description.brokenTensorDims)]),
    ...inputs.map((input) => valueInfo(11, input)),
    ...outputs.map((output) => valueInfo(12, output)),
  ]);
  const functions = (description.functions ?? []).map((fn) =>
    bytesField(25, [text(1, fn.operator), bytesField(7, [text(4, 'Relu')]), text(10, fn.domain)]),
  );
  const opsets = (description.opsetDomains ?? ['']).map((domain) => bytesField(8, [text(1, domain), varint(2, 17)]));
  return Buffer.concat([varint(1, 8), text(2, description.producer ?? 'test'), graph, ...opsets, ...functions]);
}

function externalTensor(location: string): Buffer {
  return bytesField(5, [
    varint(1, 4),
    varint(2, 1),
    text(8, 'w'),
    bytesField(13, [text(1, 'location'), text(2, location)]),
    varint(14, 1),
  ]);
}

function brokenTensor(dims: readonly number[]): Buffer {
  return bytesField(5, [
    ...dims.map((dim) => varint(1, dim)),
    varint(2, 1),
    text(8, 'w'),
    bytesField(9, [Buffer.alloc(4)]),
  ]);
}

function valueInfo(field: number, value: ValueDescription): Buffer {
  const dims = (value.shape ?? []).map((dim) => bytesField(1, [dim < 0 ? text(2, 'N') : varint(1, dim)]));
  const shape = value.shape === null ? [] : [bytesField(2, dims)];
  const tensorType = bytesField(1, [varint(1, value.elementType ?? 1), ...shape]);
  return bytesField(field, [text(1, value.name), bytesField(2, [tensorType])]);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([encode(field << 3), encode(value)]);
}

function text(field: number, value: string): Buffer {
  return bytesField(field, [Buffer.from(value)]);
}

function bytesField(field: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([encode((field << 3) | 2), encode(body.length), body]);
}

function encode(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
