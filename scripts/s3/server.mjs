/**
 * An S3 server for tests: the one at RATCHET_TEST_S3 (an http URL; credentials from the AWS environment, buckets may be
 * made), or one of our own that holds everything in memory and ends with the process that started it.
 *
 *   import { openS3 } from '../../scripts/s3/server.mjs';
 *   const s3 = await openS3();
 *   s3.endpoint               'http://127.0.0.1:41234', path style
 *   await s3.stop();
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { diesWithParent } from '../kafka/dies-with-parent.mjs';
import { freePorts } from '../kafka/ports.mjs';
import { RUNTIME } from '../setup/places.mjs';
import { run } from '../setup/program.mjs';

const PACKAGES = ['moto[s3]==5.2.1', 'flask==3.1.3', 'flask-cors==6.0.5'];
/** Named by its content, so that other versions are another environment. */
const HOME = join(RUNTIME, 's3-server-moto-5.2.1');
const START_MS = 60_000;

/** The credentials of a server of our own, which accepts any. */
export const TEST_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'ratchet-test', AWS_SECRET_ACCESS_KEY: 'ratchet-test-secret' };

export async function openS3() {
  const given = process.env.RATCHET_TEST_S3;
  if (given) return { endpoint: given, stop: async () => {} };
  const program = await ensureServer();
  const [port] = await freePorts(1);
  const [command, args] = diesWithParent(program);
  const child = spawn(command, [...args, '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  };
  for (const end = Date.now() + START_MS; !(await answers(endpoint)); await pause(100)) {
    if (child.exitCode === null && Date.now() < end) continue;
    await stop();
    throw new Error(`${program} does not answer at ${endpoint}.`);
  }
  return { endpoint, stop };
}

/** The server's program; the first time this takes some twenty seconds and the Python package index. */
async function ensureServer() {
  const program = join(HOME, 'bin/moto_server');
  if (existsSync(program)) return program;
  // Two specs may come at once: whoever is second waits for the first.
  const lock = `${HOME}.lock`;
  mkdirSync(RUNTIME, { recursive: true });
  for (const end = Date.now() + 5 * START_MS; !claim(lock); await pause(250)) {
    if (Date.now() > end) throw new Error(`${lock} stays; remove it when nobody installs the S3 server.`);
  }
  try {
    if (!existsSync(program)) await install();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  return program;
}

async function install() {
  const broken = `${HOME}.broken`;
  rmSync(broken, { recursive: true, force: true });
  if (existsSync(HOME)) renameSync(HOME, broken);
  const fail = 'the S3 server for tests could not be installed';
  await run('python3', ['-m', 'venv', HOME], { doing: 'python3 makes an environment', fail });
  const options = ['install', '--quiet', '--disable-pip-version-check', '--no-input'];
  await run(join(HOME, 'bin/pip'), [...options, ...PACKAGES], { doing: 'pip installs the S3 server for tests', fail });
  rmSync(broken, { recursive: true, force: true });
}

function claim(lock) {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function answers(endpoint) {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(1000) });
    return true;
  } catch {
    return false;
  }
}
