/**
 * The thread that runs a text encoder, because ONNX Runtime computes on the thread that asks. It runs compiled and, in tests,
 * straight from this file with Node's type stripping; therefore it imports packages only, and messages by their types alone.
 */
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EncodeCommand, EncodeReply } from './encoder-messages.js';

const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread only.');

let loaded: { readonly path: string; readonly session: InferenceSession } | null = null;
/** Commands are worked on one after the other. */
let last: Promise<void> = Promise.resolve();

port.on('message', (command: EncodeCommand) => {
  last = last.then(async () => {
    port.postMessage(await answer(command));
  });
});

async function answer({ id, modelPath, texts }: EncodeCommand): Promise<EncodeReply> {
  try {
    const session = await open(modelPath);
    const embeddings: Float32Array[] = [];
    // One after the other: texts differ in length, and padding would have to be masked for nothing.
    for (const tokens of texts) embeddings.push(await run(session, tokens));
    return { id, embeddings };
  } catch (error) {
    return { id, failed: error instanceof Error ? error.message : String(error) };
  }
}

async function open(path: string): Promise<InferenceSession> {
  if (loaded?.path === path) return loaded.session;
  const session = await InferenceSession.create(path, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  loaded = { path, session };
  return session;
}

async function run(session: InferenceSession, tokens: readonly number[]): Promise<Float32Array> {
  const values: Record<string, bigint[]> = {
    input_ids: tokens.map((token) => BigInt(token)),
    attention_mask: tokens.map(() => 1n),
    token_type_ids: tokens.map(() => 0n),
  };
  const feeds: Record<string, Tensor> = {};
  for (const name of session.inputNames) {
    const known = values[name];
    if (known === undefined) throw new Error(`it takes an input called ${name}, which is no encoder's`);
    feeds[name] = new Tensor('int64', BigInt64Array.from(known), [1, tokens.length]);
  }
  const name = session.outputNames[0] ?? '';
  const output = (await session.run(feeds, [name]))[name];
  if (output === undefined || !(output.data instanceof Float32Array) || output.dims.length !== 3)
    throw new Error('its first output is not float32 of [1, tokens, size]');
  if (output.dims[1] !== tokens.length || output.dims[2] === 0)
    throw new Error('it does not give one embedding a token');
  // A copy: the runtime owns the memory behind its output.
  return output.data.slice();
}
