/**
 * The evaluating process: `node evaluation-child.(ts|js) TASK.json`. It imports packages and types only, because it runs
 * from the TypeScript source as well as from its compilation. It ends by itself when its parent is gone.
 */
import { readFileSync, statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { tableFromIPC } from 'apache-arrow';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EvaluationTask, Line, Measurements, Role, Stage } from './evaluation-protocol.js';

const ROLES: readonly Role[] = ['reference', 'champion', 'candidate'];
const BATCH = 32;
const MOST_INPUT_BYTES = 256 * 1024 * 1024;
/** One round gives each version about so long, at most `calls` calls. */
const ROUND_MS = 40;

/** The candidate is to blame; everything else that is thrown is not its fault. */
class Refusal extends Error {}

interface Rows {
  readonly inputs: Float32Array;
  readonly width: number;
  readonly count: number;
  /** null = unlabelled. */
  readonly labels: readonly (number | null)[];
  readonly from: Date;
  readonly until: Date;
}

interface Loaded {
  readonly role: Role;
  readonly session: InferenceSession;
}

// A watch in a thread of its own, because the main thread may be inside a model that never returns.
const WATCH = `
const { workerData } = require('node:worker_threads');
const end = Date.now() + workerData.wallMs;
setInterval(() => {
  if (process.ppid !== workerData.parentPid || Date.now() > end) process.kill(process.pid, 'SIGKILL');
}, 100);`;

function say(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function at(stage: Stage): void {
  say({ stage });
}

/** At most `task.maxRows` rows of the file, spread evenly over it. */
function readRows(task: EvaluationTask): Rows {
  const table = tableFromIPC(readFileSync(task.holdout));
  const width = task.model.input.shape.slice(1).reduce((product, size) => product * size, 1);
  const most = Math.max(1, Math.min(task.maxRows, Math.floor(MOST_INPUT_BYTES / (4 * width)), table.numRows));
  const [inputs, labels, times] = ['input', 'label', 'at'].map((name) => table.getChild(name));
  if (!inputs || !labels || !times) throw new Error('the held-out file lacks one of the columns input, label, at');
  if (table.numRows === 0) throw new Error('the held-out file has no rows');
  const values = new Float32Array(most * width);
  const kept: (number | null)[] = [];
  let from = Number.POSITIVE_INFINITY;
  let until = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < most; i += 1) {
    const row = Math.floor((i * table.numRows) / most);
    const input = Float32Array.from(inputs.get(row) as Iterable<number>);
    if (input.length !== width) throw new Error(`a held-out row has ${input.length} numbers, the model takes ${width}`);
    values.set(input, i * width);
    const label = labels.get(row) as number | null;
    kept.push(label === null || Number.isNaN(label) ? null : label);
    const time = Number(times.get(row));
    from = Math.min(from, time);
    until = Math.max(until, time);
  }
  return { inputs: values, width, count: most, labels: kept, from: new Date(from), until: new Date(until) };
}

async function load(task: EvaluationTask, role: Role): Promise<Loaded> {
  at(`load ${role}`);
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(task.versions[role], {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw blame(role, `ONNX Runtime cannot load it: ${text(error)}`);
  }
  const { input, output } = task.model;
  const fault =
    contractFault('input', session.inputMetadata, input) ?? contractFault('output', session.outputMetadata, output);
  if (fault !== null) throw blame(role, fault);
  return { role, session };
}

function contractFault(
  what: string,
  found: readonly InferenceSession.ValueMetadata[],
  wanted: { readonly name: string; readonly shape: readonly number[] },
): string | null {
  const [value] = found;
  if (value === undefined || found.length !== 1) return `it has ${found.length} ${what}s, 1 is expected`;
  if (value.name !== wanted.name) return `its ${what} is called "${value.name}", "${wanted.name}" is expected`;
  if (!value.isTensor || value.type !== 'float32') return `its ${what} is no tensor of float32`;
  const shape = value.shape;
  const fits =
    shape.length === wanted.shape.length &&
    typeof shape[0] !== 'number' &&
    shape.every((size, axis) => typeof size !== 'number' || size === wanted.shape[axis]);
  if (fits) return null;
  return `its ${what} has the shape [${shape.map((size) => (size === '' ? '?' : size)).join(', ')}], [${wanted.shape.join(', ')}] is expected`;
}

/** Class of every row, the lowest on a tie. */
async function answers(
  task: EvaluationTask,
  { role, session }: Loaded,
  rows: Rows,
  inputs: Float32Array,
): Promise<Int32Array> {
  const { task: kind, input, output } = task.model;
  if (kind.kind !== 'classification') throw new Error('only classification can be judged by accuracy');
  const classes = Int32Array.from({ length: rows.count }, () => 0);
  for (let start = 0; start < rows.count; start += BATCH) {
    const size = Math.min(BATCH, rows.count - start);
    const data = inputs.subarray(start * rows.width, (start + size) * rows.width);
    const logits = await run(
      role,
      session,
      input.name,
      new Tensor('float32', data, [size, ...input.shape.slice(1)]),
      output.name,
    );
    if (logits.dims.length !== 2 || logits.dims[0] !== size || logits.dims[1] !== kind.classes) {
      throw blame(
        role,
        `it answered ${size} rows with the shape [${logits.dims.join(', ')}], [${size}, ${kind.classes}] is expected`,
      );
    }
    const values = logits.data as Float32Array;
    if (!values.every(Number.isFinite))
      throw blame(role, `it answered rows ${start} to ${start + size - 1} with numbers that are not finite`);
    for (let row = 0; row < size; row += 1)
      classes[start + row] = argmax(values.subarray(row * kind.classes, (row + 1) * kind.classes));
  }
  return classes;
}

async function run(
  role: Role,
  session: InferenceSession,
  input: string,
  tensor: Tensor,
  output: string,
): Promise<Tensor> {
  try {
    const results = await session.run({ [input]: tensor });
    return results[output] as Tensor;
  } catch (error) {
    throw blame(role, `it cannot be run: ${text(error)}`);
  }
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i]! > values[best]!) best = i;
  return best;
}

function agreement(one: Int32Array, other: Int32Array) {
  let equal = 0;
  for (let i = 0; i < one.length; i += 1) if (one[i] === other[i]) equal += 1;
  return { value: equal / one.length, samples: one.length };
}

function accuracy(given: Int32Array, labels: readonly (number | null)[]) {
  let right = 0;
  let samples = 0;
  labels.forEach((label, row) => {
    if (label === null) return;
    samples += 1;
    if (given[row] === label) right += 1;
  });
  return { value: right / samples, samples };
}

function paired(candidate: Int32Array, reference: Int32Array, labels: readonly (number | null)[]) {
  const counts = { samples: 0, lost: 0, gained: 0 };
  labels.forEach((label, row) => {
    if (label === null) return;
    counts.samples += 1;
    const [ours, theirs] = [candidate[row] === label, reference[row] === label];
    if (theirs && !ours) counts.lost += 1;
    if (ours && !theirs) counts.gained += 1;
  });
  return counts;
}

/** Inputs plus seeded Gaussian noise (Box–Muller over mulberry32). */
function noisy(task: EvaluationTask, inputs: Float32Array): Float32Array {
  let mean = 0;
  for (const value of inputs) mean += value / inputs.length;
  let variance = 0;
  for (const value of inputs) variance += (value - mean) ** 2 / inputs.length;
  const sigma = task.noise * Math.sqrt(variance);
  let state = task.seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4_294_967_296;
  };
  return inputs.map((value) => value + sigma * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

/**
 * Best round of each version in milliseconds a call: the versions take turns, so that what else the machine does falls
 * on all of them, and the best round is the one that it disturbed least.
 */
async function latencies(task: EvaluationTask, loaded: readonly Loaded[], rows: Rows): Promise<Map<Role, number>> {
  const { input, output } = task.model;
  const tensors = Array.from({ length: Math.min(rows.count, 16) }, (_, row) => {
    const data = rows.inputs.subarray(row * rows.width, (row + 1) * rows.width);
    return new Tensor('float32', data, [1, ...input.shape.slice(1)]);
  });
  const time = async ({ role, session }: Loaded, calls: number): Promise<number> => {
    const begun = performance.now();
    for (let i = 0; i < calls; i += 1) await run(role, session, input.name, tensors[i % tensors.length]!, output.name);
    return (performance.now() - begun) / calls;
  };
  const calls = new Map<Role, number>();
  for (const one of loaded) {
    await time(one, 3);
    calls.set(one.role, Math.max(1, Math.min(task.calls, Math.floor(ROUND_MS / (await time(one, 2))))));
  }
  const best = new Map<Role, number>();
  for (let round = 0; round < task.rounds; round += 1) {
    for (let turn = 0; turn < loaded.length; turn += 1) {
      const one = loaded[(round + turn) % loaded.length]!;
      const mean = await time(one, calls.get(one.role)!);
      best.set(one.role, Math.min(best.get(one.role) ?? Number.POSITIVE_INFINITY, mean));
    }
  }
  return best;
}

async function evaluate(task: EvaluationTask): Promise<Measurements> {
  at('data');
  const rows = readRows(task);
  // The same file in two roles is one session, measured once.
  const owner = (role: Role): Role => ROLES.find((other) => task.versions[other] === task.versions[role]) ?? role;
  const loaded: Loaded[] = [];
  for (const role of ROLES) if (owner(role) === role) loaded.push(await load(task, role));
  const of = (role: Role): Loaded => loaded.find((one) => one.role === owner(role))!;

  at('score');
  const given = new Map<Role, Int32Array>();
  for (const one of loaded) given.set(one.role, await answers(task, one, rows, rows.inputs));
  const answersOf = (role: Role): Int32Array => given.get(owner(role))!;
  const labelled = rows.labels.filter((label) => label !== null).length;

  at('score noise');
  const disturbed = noisy(task, rows.inputs);
  const underNoise = async (role: Role) => accuracy(await answers(task, of(role), rows, disturbed), rows.labels);
  const noiseAccuracy =
    labelled === 0 ? null : { candidate: await underNoise('candidate'), reference: await underNoise('reference') };

  at('latency');
  const best = await latencies(task, loaded, rows);
  const msOf = (role: Role): number => best.get(owner(role))!;
  const [candidateBytes, referenceBytes] = (['candidate', 'reference'] as const).map(
    (role) => statSync(task.versions[role]).size,
  ) as [number, number];
  const right = (role: Role) => accuracy(answersOf(role), rows.labels);
  return {
    dataset: { rows: rows.count, labelled, from: rows.from.toISOString(), until: rows.until.toISOString() },
    accuracy:
      labelled === 0
        ? null
        : { candidate: right('candidate'), reference: right('reference'), champion: right('champion') },
    agreement: {
      candidate: agreement(answersOf('candidate'), answersOf('reference')),
      champion: agreement(answersOf('champion'), answersOf('reference')),
    },
    noiseAccuracy,
    paired: labelled === 0 ? null : paired(answersOf('candidate'), answersOf('reference'), rows.labels),
    size: { candidateBytes, referenceBytes, ratio: candidateBytes / referenceBytes },
    latency: {
      candidateMs: msOf('candidate'),
      referenceMs: msOf('reference'),
      championMs: msOf('champion'),
      speedup: msOf('reference') / msOf('candidate'),
      overChampion: msOf('champion') / msOf('candidate'),
      rounds: task.rounds,
    },
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    warnings: [],
  };
}

function blame(role: Role, message: string): Error {
  return role === 'candidate' ? new Refusal(message) : new Error(`the ${role} is unusable: ${message}`);
}

function text(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n').join(' ').slice(0, 500);
}

async function main(): Promise<void> {
  const task = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as EvaluationTask;
  new Worker(WATCH, { eval: true, workerData: { parentPid: task.parentPid, wallMs: task.wallSeconds * 1000 } }).unref();
  try {
    say({ outcome: 'measured', measurements: await evaluate(task) });
  } catch (error) {
    say(
      error instanceof Refusal
        ? { outcome: 'refused', reasons: [text(error)] }
        : { outcome: 'failed', reason: text(error) },
    );
  }
}

await main();
