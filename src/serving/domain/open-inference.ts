import type { TensorContract } from '../../models/index.js';
import { BadInferenceRequest } from './errors.js';

/** A tensor of the Open Inference Protocol, version 2, as it is answered. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: 'FP32';
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The rows of a request, checked against the model's contract. */
export interface InferenceRows {
  readonly rows: number;
  /** Row-major, `rows` × row size. */
  readonly values: Float32Array;
}

/** Values of one row of this tensor: the product of all dimensions but the batch. */
export function rowSize(contract: TensorContract): number {
  return contract.shape.slice(1).reduce((product, dimension) => product * dimension, 1);
}

/** The request's own id, when it has one. @throws BadInferenceRequest */
export function readRequestId(body: unknown): string | null {
  const { id } = asObject(body, 'The request body');
  if (id === undefined || id === null) return null;
  if (typeof id !== 'string' || id.length === 0 || id.length > 256)
    refuse('"id" must be a text of 1 to 256 characters.');
  return id;
}

/** Whether the input may be kept as a sample: `parameters.sample` of the request, true without it. @throws BadInferenceRequest */
export function readSampling(body: unknown): boolean {
  const { parameters } = asObject(body, 'The request body');
  if (typeof parameters !== 'object' || parameters === null) return true;
  const { sample } = parameters as { sample?: unknown };
  if (sample === undefined || sample === null) return true;
  if (typeof sample !== 'boolean') refuse('"parameters.sample" must be true or false.');
  return sample;
}

/**
 * Reads the one input tensor of a request; its data may be flat or nested.
 * @throws BadInferenceRequest for a wrong name, datatype, shape, count, a value that is no finite number, or too many rows
 */
export function readRows(body: unknown, input: TensorContract, output: TensorContract, maxRows: number): InferenceRows {
  const request = asObject(body, 'The request body');
  checkOutputs(request['outputs'], output);
  const inputs = request['inputs'];
  if (!Array.isArray(inputs)) refuse('"inputs" must be a list of tensors.');
  if (inputs.length !== 1) refuse(`"inputs" must hold exactly the tensor "${input.name}"; it holds ${inputs.length}.`);
  const tensor = asObject(inputs[0], 'inputs[0]');
  if (tensor['name'] !== input.name) refuse(`The input is called "${input.name}", not ${quote(tensor['name'])}.`);
  if (tensor['datatype'] !== input.datatype) {
    refuse(`The datatype of "${input.name}" is ${input.datatype}, not ${quote(tensor['datatype'])}.`);
  }
  const rows = checkShape(tensor['shape'], input, maxRows);
  const values = new Float32Array(rows * rowSize(input));
  if (!Array.isArray(tensor['data'])) refuse(`"data" of "${input.name}" must be a list of numbers, flat or nested.`);
  const count = flatten(tensor['data'], values, 0, input.shape.length);
  if (count !== values.length)
    refuse(`"data" of "${input.name}" holds ${count} values; its shape needs ${values.length}.`);
  return { rows, values };
}

function checkOutputs(outputs: unknown, output: TensorContract): void {
  if (outputs === undefined || outputs === null) return;
  if (!Array.isArray(outputs)) refuse('"outputs" must be a list.');
  for (const wanted of outputs as unknown[]) {
    const { name } = asObject(wanted, 'An entry of "outputs"');
    if (name !== output.name) refuse(`The output is called "${output.name}", not ${quote(name)}.`);
  }
}

function checkShape(shape: unknown, input: TensorContract, maxRows: number): number {
  const wanted = `[${['n', ...input.shape.slice(1)].join(', ')}]`;
  const fits =
    Array.isArray(shape) &&
    shape.length === input.shape.length &&
    shape.every((dimension, i) =>
      i === 0 ? Number.isInteger(dimension) && dimension >= 1 : dimension === input.shape[i],
    );
  if (!fits) refuse(`The shape of "${input.name}" is ${wanted}, not ${quote(shape)}.`);
  const rows = Number((shape as unknown[])[0]);
  if (rows > maxRows) refuse(`One request may hold ${maxRows} rows, not ${rows}.`);
  return rows;
}

/** Copies the numbers into `values` and returns how many there were, also beyond the end. */
function flatten(data: unknown[], values: Float32Array, start: number, depth: number): number {
  let at = start;
  for (const item of data) {
    if (typeof item === 'number') {
      if (at < values.length) {
        values[at] = item;
        // Also what is finite in 64 bits but not in 32.
        if (!Number.isFinite(values[at])) refuse(`Value ${at} of "data" is not a finite 32 bit number.`);
      }
      at += 1;
    } else if (Array.isArray(item) && depth > 1) {
      at = flatten(item, values, at, depth - 1);
    } else {
      refuse(`Value ${at} of "data" is ${quote(item)}, not a number.`);
    }
  }
  return at;
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} must be an object.`);
  return value as Readonly<Record<string, unknown>>;
}

function quote(value: unknown): string {
  if (value === undefined) return 'absent';
  // Never a structure as it came: it may be nested deeper than the stack.
  const isFlat = typeof value !== 'object' || value === null || (Array.isArray(value) && value.every(isScalar));
  const text = isFlat ? JSON.stringify(value) : 'a structure';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function refuse(message: string): never {
  throw new BadInferenceRequest(message);
}
