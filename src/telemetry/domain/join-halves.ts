import type { Digest } from '../../kernel/index.js';
import type { ModelSpec, TensorContract } from '../../models/index.js';
import {
  type Arm,
  featuresOf,
  OutputUnusable,
  readPrediction,
  redactedColumns,
  withoutColumns,
} from '../../serving/index.js';
import { type Decoded, type HalfEvent, type InferenceEvent, type Output, type Tensor, bad } from './event.js';

/** The version that served an arm at a time; null when nobody can say. */
export type VersionAt = (arm: Arm, at: Date) => Digest | null;

/** What one row of an answer says. */
interface RowAnswer {
  readonly prediction: number | null;
  readonly confidence: number | null;
  readonly output: Output | null;
}

const NO_ANSWER: RowAnswer = { prediction: null, confidence: null, output: null };

/**
 * The inferences that two halves tell of together, one a row; their ids are the half's id, or `<id>/<row>` when there is
 * more than one row. Without the request's half (it was not logged, or lost) they count without input and features.
 * Latency is the difference of the two senders' times, and unknown when one is missing. Total: never throws.
 */
export function joinHalves(
  request: HalfEvent | null,
  response: HalfEvent,
  spec: ModelSpec,
  versionAt: VersionAt,
): Decoded<readonly InferenceEvent[]> {
  const at = new Date(request?.atMs ?? response.atMs ?? (request ?? response).receivedAt.getTime());
  const version = response.version ?? request?.version ?? versionAt(response.arm, at);
  if (version === null) return bad('field', `says no version, and none served the arm ${response.arm} at its time`);
  const rows = rowsOf(request, response, spec);
  if (typeof rows === 'string') return bad('contract', rows);
  const shared = {
    ...({ kind: 'inference', model: response.model, version, arm: response.arm, at } as const),
    ...{ latencyMs: latencyOf(request, response), error: response.error, shadow: null },
  };
  const { id } = response;
  return {
    ok: rows.map(({ input, answer }, row) => ({
      ...shared,
      requestId: rows.length === 1 ? id : `${id}/${row}`,
      ...inputFields(input, spec),
      ...answer,
    })),
  };
}

interface Row {
  readonly input: Float32Array | null;
  readonly answer: RowAnswer;
}

/** Inputs and answers beside each other; without an answer (an error) each input has none. */
function rowsOf(request: HalfEvent | null, response: HalfEvent, spec: ModelSpec): readonly Row[] | string {
  const inputs = request === null ? null : inputRows(request.tensors, spec.input);
  if (typeof inputs === 'string') return inputs;
  const answers = response.error === null ? answerRows(response.tensors, spec) : null;
  if (typeof answers === 'string') return answers;
  const rows = (answers ?? inputs)?.length ?? 1;
  if (inputs !== null && inputs.length !== rows) {
    return `the request has ${inputs.length} rows and the response ${rows}`;
  }
  return Array.from({ length: rows }, (_, row) => ({
    input: inputs?.[row] ?? null,
    answer: answers?.[row] ?? NO_ANSWER,
  }));
}

function latencyOf(request: HalfEvent | null, response: HalfEvent): number | null {
  if (request === null || request.atMs === null || response.atMs === null) return null;
  const latency = response.atMs - request.atMs;
  return latency >= 0 ? latency : null;
}

/** Features are computed as the gateway does it, and what the document keeps out of telemetry is left out here, too. */
function inputFields(
  row: Float32Array | null,
  { input, telemetry }: ModelSpec,
): Pick<InferenceEvent, 'features' | 'input'> {
  if (row === null) return { features: {}, input: null };
  const features = featuresOf(row, input.shape, telemetry);
  return { features, input: telemetry.sampling ? withoutColumns(row, redactedColumns(telemetry)) : null };
}

/** The tensor of this name, or the only one: many servers name tensors by place. */
function named(tensors: readonly Tensor[], contract: TensorContract): Tensor | null {
  const found = tensors.find(({ name }) => name === contract.name);
  return found ?? (tensors.length === 1 ? (tensors[0] ?? null) : null);
}

function inputRows(tensors: readonly Tensor[], contract: TensorContract): readonly Float32Array[] | string {
  const tensor = named(tensors, contract);
  if (tensor === null) return `there is no input "${contract.name}"`;
  const { values, rows } = tensor;
  const size = contract.shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  if (!isNumeric(values)) return `the input "${tensor.name}" is text`;
  if (values.length !== rows * size) {
    return `a row of the input "${tensor.name}" has ${values.length / rows} numbers; the model takes ${size}`;
  }
  const numbers = values instanceof Float32Array ? values : Float32Array.from(values);
  // Also what is finite in 64 bits but not in 32.
  const odd = numbers.findIndex((value) => !Number.isFinite(value));
  if (odd !== -1) return `input[${odd}] is not a finite 32-bit number`;
  return Array.from({ length: rows }, (_, row) => numbers.slice(row * size, (row + 1) * size));
}

function answerRows(tensors: readonly Tensor[], spec: ModelSpec): readonly RowAnswer[] | string {
  const tensor = named(tensors, spec.output);
  if (tensor === null) return `there is no output "${spec.output.name}"`;
  const { values, rows } = tensor;
  const size = values.length / rows;
  const answers: RowAnswer[] = [];
  for (let row = 0; row < rows; row += 1) {
    const answer = isNumeric(values)
      ? readRow(values.subarray(row * size, (row + 1) * size), spec)
      : readText(values.slice(row * size, (row + 1) * size), spec);
    if (typeof answer === 'string') return `row ${row} of the output "${tensor.name}" ${answer}`;
    answers.push(answer);
  }
  return answers;
}

function readRow(row: Float32Array | Float64Array, { task }: ModelSpec): RowAnswer | string {
  if (task.kind === 'text') return 'is numbers; the model answers text';
  if (row.some((value) => !Number.isFinite(value))) return 'holds a value that is not finite';
  if (task.kind === 'series') {
    return row.length === task.steps
      ? { prediction: null, confidence: null, output: Array.from(row) }
      : `has ${row.length} values, not ${task.steps}`;
  }
  const [only = Number.NaN] = row;
  // Some servers answer the class itself and not the scores of all classes.
  if (task.kind === 'classification' && row.length === 1 && task.classes > 1) {
    return Number.isInteger(only) ? { prediction: only, confidence: null, output: null } : 'is no class';
  }
  try {
    return { ...readPrediction(row, task), output: null };
  } catch (error) {
    if (error instanceof OutputUnusable) return `cannot be used: ${error.message}`;
    throw error;
  }
}

function readText(row: readonly string[], { task }: ModelSpec): RowAnswer | string {
  const [only, ...more] = row;
  if (task.kind !== 'text') return 'is text; the model answers numbers';
  if (only === undefined || more.length > 0) return `has ${row.length} texts, not 1`;
  return { prediction: null, confidence: null, output: only };
}

function isNumeric(values: Tensor['values']): values is Float32Array | Float64Array {
  return !Array.isArray(values);
}
