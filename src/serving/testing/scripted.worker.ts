/**
 * Stands for the ONNX Runtime thread in tests and does what the first value of a row says; otherwise it answers the row
 * itself. Memory that the test shares with it lets the test decide when a run ends.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { FromWorker, ToWorker } from '../engine-messages.js';

const DIE = -1;
const WAIT = -2;
const DIE_ONCE = -3;
const FAIL = -4;

let path = '';

parentPort?.on('message', (command: ToWorker) => {
  if (command.kind === 'release') return;
  if (command.kind === 'load') {
    path = command.path;
    if (command.path.endsWith('.lethal')) process.exit(4);
    reply({ kind: 'loaded', id: command.id });
    return;
  }
  const { id, values, shape } = command;
  if (values[0] === DIE) process.exit(3);
  if (values[0] === WAIT) Atomics.wait(new Int32Array(values.buffer), 1, 0);
  if (values[0] === DIE_ONCE && readFileSync(path, 'utf8') === '') {
    writeFileSync(path, 'died');
    process.exit(3);
  }
  if (values[0] === FAIL) reply({ kind: 'failed', id, message: 'the script says so' });
  else reply({ kind: 'answered', id, values: values.slice(), shape, runMs: 1 });
});

function reply(message: FromWorker): void {
  parentPort?.postMessage(message);
}
