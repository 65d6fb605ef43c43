import protobuf from 'protobufjs/light.js';

/** A tensor of either message. */
export interface SeldonTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly contents?: Readonly<Record<string, readonly (number | boolean | Uint8Array)[]>>;
}

/** Either message, with `tensors` and `raw` in the places of their two names. */
export interface SeldonMessage {
  readonly modelVersion: string;
  readonly id: string;
  readonly tensors: readonly SeldonTensor[];
  /** Little-endian bytes, one a tensor; empty when the tensors have contents of their own. */
  readonly raw: readonly Uint8Array[];
}

const tensor = {
  fields: {
    name: { type: 'string', id: 1 },
    datatype: { type: 'string', id: 2 },
    shape: { rule: 'repeated', type: 'int64', id: 3 },
    contents: { type: 'InferTensorContents', id: 5 },
  },
};
const contents = ['bool', 'int32', 'int64', 'uint32', 'uint64', 'float', 'double', 'bytes'] as const;
const names = ['bool', 'int', 'int64', 'uint', 'uint64', 'fp32', 'fp64', 'bytes'] as const;
const named = {
  modelName: { type: 'string', id: 1 },
  modelVersion: { type: 'string', id: 2 },
  id: { type: 'string', id: 3 },
};

/** The same as `schemas/telemetry/open-inference.proto`, which a test compares it with. */
export const OPEN_INFERENCE: protobuf.INamespace = {
  nested: {
    inference: {
      nested: {
        InferTensorContents: {
          fields: Object.fromEntries(
            names.map((name, i) => [`${name}Contents`, { rule: 'repeated', type: contents[i] ?? '', id: i + 1 }]),
          ),
        },
        ModelInferRequest: {
          fields: {
            ...named,
            inputs: { rule: 'repeated', type: 'InferInputTensor', id: 5 },
            rawInputContents: { rule: 'repeated', type: 'bytes', id: 7 },
          },
          nested: { InferInputTensor: tensor },
        },
        ModelInferResponse: {
          fields: {
            ...named,
            outputs: { rule: 'repeated', type: 'InferOutputTensor', id: 5 },
            rawOutputContents: { rule: 'repeated', type: 'bytes', id: 6 },
          },
          nested: { InferOutputTensor: tensor },
        },
      },
    },
  },
};

const root = protobuf.Root.fromJSON(OPEN_INFERENCE);
const REQUEST = root.lookupType('inference.ModelInferRequest');
const RESPONSE = root.lookupType('inference.ModelInferResponse');

/** @throws Error when the bytes are no such message */
export function readMessage(bytes: Uint8Array, side: 'request' | 'response'): SeldonMessage {
  const type = side === 'request' ? REQUEST : RESPONSE;
  const object = type.toObject(type.decode(bytes), { longs: Number, arrays: true, defaults: true }) as Raw;
  const { modelVersion, id } = object;
  return side === 'request'
    ? { modelVersion, id, tensors: object.inputs, raw: object.rawInputContents }
    : { modelVersion, id, tensors: object.outputs, raw: object.rawOutputContents };
}

/** Lists are there also when they are empty. */
interface Raw {
  readonly modelVersion: string;
  readonly id: string;
  readonly inputs: readonly SeldonTensor[];
  readonly outputs: readonly SeldonTensor[];
  readonly rawInputContents: readonly Uint8Array[];
  readonly rawOutputContents: readonly Uint8Array[];
}
