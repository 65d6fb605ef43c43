#!/usr/bin/env node
/** Sets everything up inside the clone. Runs under any Node from 18 on and needs no package. `--help` tells how. */
import { parseArguments, USAGE } from './setup/arguments.mjs';
import { build } from './setup/build.mjs';
import { release, withLock } from './setup/lock.mjs';
import { nodePackages } from './setup/node-packages.mjs';
import { nodeRuntime } from './setup/node-runtime.mjs';
import { endCurrent, SetupProblem } from './setup/program.mjs';
import { pythonEnvironment } from './setup/python-environment.mjs';
import { say, seconds } from './setup/report.mjs';
import { clearStamp, readStamp, writeStamp } from './setup/stamp.mjs';
import { runCommand } from './setup/then.mjs';

const NODE_ONLY = [nodeRuntime, nodePackages, build];
const EVERYTHING = [nodeRuntime, nodePackages, pythonEnvironment, build];

async function main() {
  const { help, fault, quietWhenReady, command, rest } = parseArguments(process.argv.slice(2));
  if (help) return say(USAGE);
  if (fault) throw new SetupProblem(`${fault}\n\n${USAGE}`);
  await setUp(command?.needsPython === false ? NODE_ONLY : EVERYTHING, quietWhenReady);
  if (command) process.exitCode = await runCommand(command, rest);
}

async function setUp(steps, quietWhenReady) {
  const began = Date.now();
  if (steps.every(isReady)) {
    if (!quietWhenReady) say(`Ratchet is set up: nothing to do (looked in ${seconds(Date.now() - began)}).`);
    return;
  }
  await withLock(async () => {
    const todo = steps.filter((step) => !isReady(step)); // another set-up may have done them while we waited
    for (const [index, step] of todo.entries()) await perform(step, `[${index + 1}/${todo.length}]`);
  });
  if (!quietWhenReady || Date.now() - began > 5_000) say(`Ratchet is set up (${seconds(Date.now() - began)}).`);
}

function isReady(step) {
  return readStamp(step.name) === step.key() && step.isWhole();
}

async function perform(step, position) {
  const began = Date.now();
  const key = step.key(); // taken before: what changes while the step works makes it due again
  say(`${position} ${step.title}`);
  clearStamp(step.name);
  await step.make();
  writeStamp(step.name, key);
  say(`      done in ${seconds(Date.now() - began)}`);
}

let interrupted = false;
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.once(signal, () => {
    interrupted = true;
    say(`\ninterrupted (${signal}): the finished steps are kept; the same command goes on from here`);
    void endCurrent().then(() => {
      release();
      process.exit(code);
    });
  });
}

main().catch((error) => {
  if (interrupted) return; // the step failed because we ended it
  if (!(error instanceof SetupProblem)) throw error;
  console.error(`\nset-up cannot go on: ${error.message}`);
  process.exitCode = 1;
});
