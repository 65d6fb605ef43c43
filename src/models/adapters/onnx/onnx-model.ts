import { type Field, fieldsOf, integersOf, MalformedMessage } from './protobuf-reader.js';

/** A graph input or output; `shape` is null when the file states none, a dimension is -1 when it is free. */
export interface OnnxValue {
  readonly name: string;
  /** Number of TensorProto.DataType; null when it is no tensor. 1 = FLOAT. */
  readonly elementType: number | null;
  readonly shape: readonly number[] | null;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  /** Length of `raw_data`; null when the values are in typed fields. */
  readonly rawBytes: number | null;
  /** Where the data is when it is not in the file. */
  readonly externalLocation: string | null;
}

export interface OnnxNode {
  readonly operator: string;
  readonly domain: string;
}

/** What the admission check looks at; nodes and tensors of every subgraph and function included. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly functions: readonly OnnxNode[];
}

interface Found {
  readonly nodes: OnnxNode[];
  readonly tensors: OnnxTensor[];
  readonly functions: OnnxNode[];
}

/** Deeper than any real model nests its control flow. */
const MAX_GRAPH_DEPTH = 32;

/** Decodes a ModelProto (onnx.proto3 of ONNX 1.20, field numbers in the comments). @throws MalformedMessage */
export function readOnnxModel(file: Uint8Array): OnnxModel {
  const found: Found = { nodes: [], tensors: [], functions: [] };
  let irVersion = 0;
  let operatorSets = 0;
  let graph: { inputs: OnnxValue[]; outputs: OnnxValue[] } | null = null;
  for (const field of fieldsOf(file)) {
    if (field.number === 1) irVersion = integer(field);
    else if (field.number === 7) graph = readGraph(bytes(field), found, 0);
    else if (field.number === 8) operatorSets += 1;
    else if (field.number === 20) readTraining(bytes(field), found);
    else if (field.number === 25) readFunction(bytes(field), found);
  }
  if (irVersion < 1) throw new MalformedMessage('it states no ONNX version');
  if (graph === null) throw new MalformedMessage('it has no graph');
  if (operatorSets === 0) throw new MalformedMessage('it imports no operator set');
  return { irVersion, ...graph, ...found };
}

/** GraphProto: node 1, initializer 5, input 11, output 12, sparse_initializer 15. */
function readGraph(message: Uint8Array, found: Found, depth: number): { inputs: OnnxValue[]; outputs: OnnxValue[] } {
  if (depth > MAX_GRAPH_DEPTH) throw new MalformedMessage(`its graphs are nested deeper than ${MAX_GRAPH_DEPTH}`);
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const initializers = new Set<string>();
  for (const field of fieldsOf(message)) {
    if (field.number === 1) readNode(bytes(field), found, depth);
    else if (field.number === 5) {
      const tensor = readTensor(bytes(field));
      initializers.add(tensor.name);
      found.tensors.push(tensor);
    } else if (field.number === 11) inputs.push(readValue(bytes(field)));
    else if (field.number === 12) outputs.push(readValue(bytes(field)));
    else if (field.number === 15) readSparse(bytes(field), found);
  }
  // Before ONNX 1.4 initializers were listed among the inputs; they are defaults, not inputs.
  return { inputs: inputs.filter((input) => !initializers.has(input.name)), outputs };
}

/** NodeProto: op_type 4, attribute 5, domain 7. */
function readNode(message: Uint8Array, found: Found, depth: number): void {
  let operator = '';
  let domain = '';
  for (const field of fieldsOf(message)) {
    if (field.number === 4) operator = text(field);
    else if (field.number === 5) readAttribute(bytes(field), found, depth);
    else if (field.number === 7) domain = text(field);
  }
  found.nodes.push({ operator, domain });
}

/** AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23. */
function readAttribute(message: Uint8Array, found: Found, depth: number): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 5 || field.number === 10) found.tensors.push(readTensor(bytes(field)));
    else if (field.number === 6 || field.number === 11) readGraph(bytes(field), found, depth + 1);
    else if (field.number === 22 || field.number === 23) readSparse(bytes(field), found);
  }
}

/** SparseTensorProto: values 1, indices 2. */
function readSparse(message: Uint8Array, found: Found): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 1 || field.number === 2) found.tensors.push(readTensor(bytes(field)));
  }
}

/** FunctionProto: name 1, node 7, domain 10. */
function readFunction(message: Uint8Array, found: Found): void {
  let operator = '';
  let domain = '';
  for (const field of fieldsOf(message)) {
    if (field.number === 1) operator = text(field);
    else if (field.number === 7) readNode(bytes(field), found, 0);
    else if (field.number === 10) domain = text(field);
  }
  found.functions.push({ operator, domain });
}

/** TrainingInfoProto: initialization 1, algorithm 2. */
function readTraining(message: Uint8Array, found: Found): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 1 || field.number === 2) readGraph(bytes(field), found, 0);
  }
}

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9, external_data 13 (key 1, value 2), data_location 14. */
function readTensor(message: Uint8Array): OnnxTensor {
  const dims: number[] = [];
  let [name, dataType, rawBytes] = ['', 0, null as number | null];
  let external = false;
  let location = '';
  for (const field of fieldsOf(message)) {
    if (field.number === 1) dims.push(...integersOf(field).map(Number));
    else if (field.number === 2) dataType = integer(field);
    else if (field.number === 8) name = text(field);
    else if (field.number === 9) rawBytes = bytes(field).length;
    else if (field.number === 14) external ||= integer(field) === 1;
    else if (field.number === 13) {
      external = true;
      const entry = new Map([...fieldsOf(bytes(field))].map((part) => [part.number, text(part)]));
      if (entry.get(1) === 'location') location = entry.get(2) ?? '';
    }
  }
  return { name, dataType, dims, rawBytes, externalLocation: external ? location : null };
}

/** ValueInfoProto: name 1, type 2 → TypeProto: tensor_type 1 → elem_type 1, shape 2 → dim 1 → dim_value 1. */
function readValue(message: Uint8Array): OnnxValue {
  let value: OnnxValue = { name: '', elementType: null, shape: null };
  for (const field of fieldsOf(message)) {
    if (field.number === 1) value = { ...value, name: text(field) };
    if (field.number !== 2) continue;
    for (const type of fieldsOf(bytes(field))) {
      if (type.number !== 1) continue;
      for (const tensor of fieldsOf(bytes(type))) {
        if (tensor.number === 1) value = { ...value, elementType: integer(tensor) };
        else if (tensor.number === 2) value = { ...value, shape: [...fieldsOf(bytes(tensor))].map(readDimension) };
      }
    }
  }
  return value;
}

function readDimension(dimension: Field): number {
  for (const field of fieldsOf(bytes(dimension))) {
    if (field.number === 1) return integer(field);
  }
  return -1;
}

function bytes(field: Field): Uint8Array {
  if (field.wire === 'bytes') return field.bytes;
  throw new MalformedMessage(`field ${field.number} is not what ONNX has there`);
}

function text(field: Field): string {
  return Buffer.from(bytes(field)).toString('utf8');
}

function integer(field: Field): number {
  if (field.wire === 'varint') return Number(BigInt.asIntN(64, field.value));
  throw new MalformedMessage(`field ${field.number} is not what ONNX has there`);
}
