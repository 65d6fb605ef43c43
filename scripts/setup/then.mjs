import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { nodeBinary, nodeEnvironment } from './node-runtime.mjs';
import { ROOT, RUNTIME } from './places.mjs';
import { SetupProblem } from './program.mjs';

/** What `--then` can run, each under the Node that set-up chose. */
export const COMMANDS = {
  demo: { what: 'the closed loop on real data', program: 'dist/demo/main.js' },
  start: { what: 'the program in one process', program: 'dist/main.js' },
  cli: { what: 'the command line client', program: 'dist/cli/main.js', needsPython: false },
  'dev:kafka': { what: 'a real Kafka broker for development', program: 'scripts/kafka/dev.mjs', needsPython: false },
  'bench:telemetry': {
    what: 'events a second from a real Kafka to committed windows',
    program: 'bench/telemetry/run.mjs',
    needsPython: false,
  },
  'bench:detectors': {
    what: "our change detectors beside River's",
    program: 'bench/detectors/main.mjs',
    needsPython: false,
  },
  'bench:experiments': {
    what: 'how often the tests of experiments err and how many requests they need, beside others',
    program: 'bench/experiments/main.mjs',
    needsPython: false,
  },
  'bench:control': {
    what: 'thousands of models, hundreds of rollouts and jobs under one control plane',
    program: 'bench/control/run.mjs',
    needsPython: false,
  },
  'bench:attribution': {
    what: 'how often attribution is right, into docs/attribution.md',
    program: 'bench/attribution/main.mjs',
  },
  'bench:compression': {
    what: 'every compression recipe on three families of models, beside the tools that do a part of it',
    program: 'bench/compression/main.mjs',
  },
  test: { what: 'every test, or the part that ARGUMENTS name', program: 'scripts/test.mjs' },
  check: { what: 'format, lint, types, import rules, drift', program: 'scripts/check.mjs' },
};

/** Runs the command in the foreground and answers with its exit code. */
export function runCommand({ program }, args) {
  const file = join(ROOT, program);
  if (!existsSync(file)) throw new SetupProblem(`${program} is not part of this version`);
  const env = {
    ...nodeEnvironment(),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(RUNTIME, 'compile-cache'),
  };
  // Paths in ARGUMENTS are meant from where the user stands; npm says where that is.
  const cwd = program.startsWith('dist/cli') ? (process.env.INIT_CWD ?? process.cwd()) : ROOT;
  const child = spawn(nodeBinary, ['--enable-source-maps', file, ...args], { cwd, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole foreground group: the child has it already, a second one would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 1)));
  });
}
