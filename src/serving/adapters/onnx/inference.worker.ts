/**
 * One ONNX Runtime thread. It runs compiled and, in tests, straight from this file with Node's type stripping; therefore
 * it has no decorators, no parameter properties and imports packages only. The messages are declared in `engine-messages.ts`,
 * by types alone.
 */
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FromWorker, LoadCommand, RunCommand, ToWorker } from '../../engine-messages.js';

const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread only.');

const sessions = new Map<string, InferenceSession>();
/** Commands are worked on one after the other, also where the runtime answers asynchronously: order is the promise. */
let last: Promise<void> = Promise.resolve();

port.on('message', (command: ToWorker) => {
  last = last.then(() => work(command));
});

async function work(command: ToWorker): Promise<void> {
  if (command.kind === 'release') return release(command.digest);
  try {
    reply(command.kind === 'load' ? await load(command) : await run(command));
  } catch (error) {
    reply({ kind: 'failed', id: command.id, message: error instanceof Error ? error.message : String(error) });
  }
}

async function load(command: LoadCommand): Promise<FromWorker> {
  if (!sessions.has(command.digest)) {
    const session = await InferenceSession.create(command.path, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
    const fault = contractFault(session, command);
    if (fault !== null) {
      await session.release();
      throw new Error(fault);
    }
    sessions.set(command.digest, session);
  }
  return { kind: 'loaded', id: command.id };
}

async function run(command: RunCommand): Promise<FromWorker> {
  const session = sessions.get(command.digest);
  if (session === undefined) throw new Error('the version is not loaded');
  const began = performance.now();
  const feeds = { [command.input]: new Tensor('float32', command.values, command.shape) };
  const output = (await session.run(feeds, [command.output]))[command.output];
  if (output === undefined || !(output.data instanceof Float32Array)) throw new Error('the output is not float32');
  // A copy: the runtime owns the memory behind its output.
  return {
    kind: 'answered',
    id: command.id,
    values: output.data.slice(),
    shape: [...output.dims],
    runMs: performance.now() - began,
  };
}

async function release(digest: string): Promise<void> {
  const session = sessions.get(digest);
  sessions.delete(digest);
  await session?.release();
}

function contractFault(session: InferenceSession, command: LoadCommand): string | null {
  const inputs = session.inputMetadata;
  if (inputs.length !== 1) return `it has ${inputs.length} inputs, not one`;
  return (
    tensorFault(inputs[0], command.input, 'input') ??
    tensorFault(
      session.outputMetadata.find((candidate) => candidate.name === command.output.name) ?? session.outputMetadata[0],
      command.output,
      'output',
    )
  );
}

function tensorFault(
  actual: InferenceSession.ValueMetadata | undefined,
  wanted: LoadCommand['input'],
  what: string,
): string | null {
  if (!actual?.isTensor) return `its ${what} is not a tensor`;
  if (actual.name !== wanted.name) return `its ${what} is called "${actual.name}", not "${wanted.name}"`;
  if (actual.type !== 'float32') return `its ${what} is ${actual.type}, not float32`;
  const { shape } = actual;
  // A dimension that the file leaves open is a text or negative; it fits anything.
  const fits =
    shape.length === wanted.shape.length &&
    shape.every((size, i) => typeof size === 'string' || size < 0 || (i > 0 && size === wanted.shape[i]));
  return fits ? null : `its ${what} has the shape [${shape.join(', ')}], not [${wanted.shape.join(', ')}]`;
}

function reply(message: FromWorker): void {
  port?.postMessage(message);
}
