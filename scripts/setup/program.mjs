import { spawn, spawnSync } from 'node:child_process';
import { killGroup, noteChild } from './lock.mjs';
import { ROOT } from './places.mjs';
import { say, seconds, tick, TICK_MS } from './report.mjs';

/** Thrown when set-up cannot go on; the message says what the user can do. */
export class SetupProblem extends Error {}

let current = null;
let ending = false;

/**
 * Runs a program to its end, saying every few seconds what it does.
 * @param {(line: string) => string | null} activity turns a line of its output into what it is doing now; null = nothing new
 */
export function run(command, args, { env = process.env, activity = () => null, doing = 'working', fail }) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    // A group of its own: the terminal's Ctrl-C reaches only us, and we end the whole group in order.
    const child = spawn(command, args, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid === undefined) {
      child.on('error', (error) =>
        reject(new SetupProblem(`${fail}: ${command} could not be started (${error.message})`)),
      );
      return;
    }
    current = child;
    noteChild(child.pid);
    const tail = [];
    const faults = [];
    const keepFault = (line) => {
      if (faults.length < 15 && /\berror\b/i.test(line)) faults.push(line);
    };
    let now = doing;
    for (const stream of [child.stdout, child.stderr]) {
      eachLine(stream, (line) => {
        tail.push(line);
        if (tail.length > 25) keepFault(tail.shift());
        now = activity(line) ?? now;
      });
    }
    const timer = setInterval(() => tick(`        ${seconds(Date.now() - started).padStart(9)}  ${now}`), TICK_MS);
    child.on('error', (error) => tail.push(error.message));
    child.on('close', (code, signal) => {
      clearInterval(timer);
      current = null;
      noteChild(null);
      if (code === 0) return resolve();
      if (!ending) for (const line of [...faults, ...tail]) say(`        | ${line}`);
      reject(
        new SetupProblem(
          `${fail} (${signal ?? `exit code ${code}`}). What was already fetched is kept; run the same command again.`,
        ),
      );
    });
  });
}

/** Output of a short program, or null when it fails. */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', timeout: 30_000 });
  return status === 0 ? stdout.trim() : null;
}

/** Ends the program that is running now, softly at first. */
export function endCurrent() {
  ending = true;
  const child = current;
  if (!child) return Promise.resolve();
  return new Promise((resolve) => {
    const hard = setTimeout(() => killGroup(child.pid, 'SIGKILL'), 5_000);
    child.once('close', () => {
      clearTimeout(hard);
      killGroup(child.pid, 'SIGKILL'); // grandchildren that outlived it
      resolve();
    });
    killGroup(child.pid, 'SIGTERM');
  });
}

function eachLine(stream, take) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    const lines = (rest + chunk).split(/\r?\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') take(line.trimEnd());
  });
  stream.on('end', () => {
    if (rest.trim() !== '') take(rest);
  });
}
