/**
 * One real Apache Kafka broker for development, tests and benchmarks.
 *
 *   import { startBroker } from '../../scripts/kafka/broker.mjs';
 *   const broker = await startBroker({ topics: [{ topic: 'a', partitions: 4 }] });
 *   broker.brokers            '127.0.0.1:41234', for KAFKA_BROKERS; the same after a restart
 *   await broker.kill();      SIGKILL, as a power cut of the process
 *   await broker.restart();   starts it again on the same data and port, whether it runs or not
 *   await broker.stop();      ends it in order and removes its data (given `data` is kept)
 *
 * Options, all optional: `port` (0 = any free), `data` (a folder that is kept; default: one of its own below
 * .ratchet/kafka that goes with it), `topics`, `partitions` (for topics that name no number; 1), `heapMb` (192), `fullJit`
 * (for throughput: no cap on the compiler, takes longer to warm up), `archive` (`use` the JVM's class-data archive where
 * there is one, `make` it at the end, `none`), `security` ({ tls, sasl }, see properties.mjs), `overrides` (broker
 * properties), `waitMs` (longest wait for readiness; 60,000).
 *
 * It ends with the process that started it, also when that one is killed (on Linux).
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../setup/places.mjs';
import { SetupProblem } from '../setup/program.mjs';
import { createTopics, isReady, readEnds } from './admin.mjs';
import { diesWithParent } from './dies-with-parent.mjs';
import { ARCHIVE, ensureKafka } from './distribution.mjs';
import { freePorts, requireFree } from './ports.mjs';
import { propertiesText, serverProperties } from './properties.mjs';

const STOP_MS = 20_000;

export async function startBroker(options = {}) {
  const classPath = await ensureKafka();
  if (options.port) await requireFree(options.port);
  const [anyPort, controllerPort] = await freePorts(2);
  const port = options.port || anyPort;
  const home = options.data === undefined ? ownFolder() : resolve(options.data);
  const broker = new Broker({ ...options, classPath, port, controllerPort, home });
  try {
    await broker.restart();
    await createTopics(broker.client, options.topics ?? [], options.partitions ?? 1);
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return broker;
}

class Broker {
  #options;
  #child = null;

  constructor(options) {
    this.#options = options;
    this.brokers = `127.0.0.1:${options.port}`;
    /** What a client must know: kafkajs options without a clientId. */
    this.client = { brokers: [this.brokers], ...clientSecurity(options.security ?? null) };
    this.logFile = join(options.home, 'broker.log');
    this.onExit = () => this.#child?.kill('SIGKILL');
  }

  get pid() {
    return this.#child?.pid ?? null;
  }

  get hasEnded() {
    const child = this.#child;
    return child === null || child.exitCode !== null || child.signalCode !== null;
  }

  async restart() {
    await this.#end('SIGTERM');
    prepare(this.#options);
    this.#child = launch(this.#options, this.logFile);
    process.once('exit', this.onExit);
    await this.#ready();
  }

  /** The end of every partition, as `{ topic: [end, …] }`. */
  ends(topics) {
    return readEnds(this.client, topics);
  }

  async kill() {
    await this.#end('SIGKILL');
  }

  async stop() {
    await this.#end('SIGTERM');
    if (this.#options.data === undefined) rmSync(this.#options.home, { recursive: true, force: true });
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    process.off('exit', this.onExit);
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(hard);
  }

  async #ready() {
    const deadline = Date.now() + (this.#options.waitMs ?? 60_000);
    while (!(await isReady(this.client))) {
      const gone = this.hasEnded;
      if (gone || Date.now() > deadline) {
        const said = readFileSync(this.logFile, 'utf8').slice(-2_000);
        await this.#end('SIGKILL');
        throw new SetupProblem(`Kafka ${gone ? 'ended at once' : 'did not come up in time'}:\n${said}`);
      }
      await sleep(100);
    }
  }
}

function ownFolder() {
  const parent = join(ROOT, '.ratchet', 'kafka');
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const owner = Number(/^run-(\d+)-/.exec(name)?.[1]);
    if (owner > 0 && !isAlive(owner)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(parent, `run-${process.pid}-`));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Writes the properties (ports may be others than last time) and formats a new data folder. */
function prepare(options) {
  const { home, port, controllerPort, partitions = 1, security = null, overrides = {}, classPath } = options;
  const data = join(home, 'log');
  mkdirSync(home, { recursive: true });
  const file = join(home, 'server.properties');
  writeFileSync(
    file,
    propertiesText(serverProperties({ port, controllerPort, data, partitions, security, overrides })),
    { mode: 0o600 },
  );
  if (existsSync(join(home, 'formatted'))) return;
  rmSync(data, { recursive: true, force: true }); // an interrupted format
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const users = scramUsers(security);
  const result = spawnSync(
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', file, ...users],
    { encoding: 'utf8' },
  );
  if (result.status !== 0) throw new SetupProblem(`Kafka's data folder could not be made:\n${result.stderr}`);
  writeFileSync(join(home, 'formatted'), id);
}

function scramUsers(security) {
  const sasl = security?.sasl;
  if (!sasl || sasl.mechanism === 'plain') return [];
  return ['--add-scram', `${sasl.mechanism.toUpperCase()}=[name=${sasl.username},password=${sasl.password}]`];
}

function launch({ classPath, home, heapMb = 192, fullJit = false, archive = 'use' }, logFile) {
  const flags = [
    `-Xms32m`,
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    '-XX:+ExitOnOutOfMemoryError',
    ...(fullJit ? [] : ['-XX:TieredStopAtLevel=1']),
  ];
  if (archive === 'make') flags.push(`-XX:ArchiveClassesAtExit=${ARCHIVE}`);
  else if (archive === 'use' && existsSync(ARCHIVE)) flags.push(`-XX:SharedArchiveFile=${ARCHIVE}`, '-Xshare:auto');
  const args = [...flags, '-cp', classPath, 'kafka.Kafka', join(home, 'server.properties')];
  const [command, prefix] = diesWithParent('java');
  const log = openSync(logFile, 'a');
  const child = spawn(command, [...prefix, ...args], { cwd: home, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

function clientSecurity(security) {
  if (security === null) return {};
  return {
    ...(security.tls ? { ssl: { ca: [security.tls.authority] } } : {}),
    ...(security.sasl ? { sasl: security.sasl } : {}),
  };
}
