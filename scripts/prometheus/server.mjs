/**
 * One real Prometheus for development, tests and dashboards.
 *
 *   import { startPrometheus } from '../../scripts/prometheus/server.mjs';
 *   const prometheus = await startPrometheus({ targets: ['http://127.0.0.1:8080'], rules: ['dashboards/rules/recording.yaml'] });
 *   prometheus.url            'http://127.0.0.1:41234', for PROMETHEUS_URL; the same after a restart
 *   prometheus.scrape([…]);   scrapes these from now on
 *   prometheus.pause();       SIGSTOP: it accepts connections and answers nothing; `resume()` ends that
 *   await prometheus.kill();  SIGKILL, as a power cut of the process
 *   await prometheus.restart();  starts it again on the same data and port, whether it runs or not
 *   await prometheus.stop();  ends it in order and removes its data
 *
 * Options, all optional: `port` (0 = any free), `targets` (addresses whose `/metrics` is scraped), `scrapeSeconds` (1),
 * `evaluateSeconds` (of rules; 1), `rules` (files), `flags` (further ones), `waitMs` (longest wait for readiness; 60,000).
 *
 * It is `RATCHET_PROMETHEUS`, or else `prometheus` on PATH. It ends with the process that started it, also when that one is
 * killed (on Linux).
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diesWithParent } from '../kafka/dies-with-parent.mjs';
import { freePorts, requireFree } from '../kafka/ports.mjs';
import { ROOT } from '../setup/places.mjs';
import { ask, SetupProblem } from '../setup/program.mjs';

const STOP_MS = 20_000;

/** The program that is started. */
export function prometheusProgram() {
  return process.env.RATCHET_PROMETHEUS ?? 'prometheus';
}

/** True when there is one to start. */
export function canRunPrometheus() {
  return ask(prometheusProgram(), ['--version']) !== null;
}

export async function startPrometheus(options = {}) {
  if (!canRunPrometheus())
    throw new SetupProblem(
      `there is no "${prometheusProgram()}" on PATH; install Prometheus or set RATCHET_PROMETHEUS`,
    );
  if (options.port) await requireFree(options.port);
  const port = options.port || (await freePorts(1))[0];
  const server = new PrometheusServer({ ...options, port, home: ownFolder() });
  try {
    await server.restart();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class PrometheusServer {
  #options;
  #child = null;

  constructor(options) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
    this.logFile = join(options.home, 'prometheus.log');
    this.onExit = () => this.#child?.kill('SIGKILL');
    writeFileSync(join(options.home, 'prometheus.yaml'), configuration(options));
    this.scrape(options.targets ?? []);
  }

  get pid() {
    return this.#child?.pid ?? null;
  }

  get hasEnded() {
    const child = this.#child;
    return child === null || child.exitCode !== null || child.signalCode !== null;
  }

  scrape(targets) {
    const file = join(this.#options.home, 'targets.json');
    const addresses = targets.map((target) => new URL(target).host);
    writeFileSync(`${file}.new`, JSON.stringify([{ targets: addresses }]));
    renameSync(`${file}.new`, file);
  }

  pause() {
    this.#child?.kill('SIGSTOP');
  }

  resume() {
    this.#child?.kill('SIGCONT');
  }

  async restart() {
    await this.#end('SIGTERM');
    this.#child = launch(this.#options, this.logFile);
    process.once('exit', this.onExit);
    await this.#ready();
  }

  async kill() {
    await this.#end('SIGKILL');
  }

  async stop() {
    await this.#end('SIGTERM');
    rmSync(this.#options.home, { recursive: true, force: true });
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    process.off('exit', this.onExit);
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGCONT');
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(hard);
  }

  async #ready() {
    const deadline = Date.now() + (this.#options.waitMs ?? 60_000);
    while (!(await isReady(this.url))) {
      const gone = this.hasEnded;
      if (gone || Date.now() > deadline) {
        const said = readFileSync(this.logFile, 'utf8').slice(-2_000);
        await this.#end('SIGKILL');
        throw new SetupProblem(`Prometheus ${gone ? 'ended at once' : 'did not come up in time'}:\n${said}`);
      }
      await sleep(50);
    }
  }
}

async function isReady(url) {
  try {
    return (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** JSON is YAML, too. */
function configuration({ home, scrapeSeconds = 1, evaluateSeconds = 1, rules = [] }) {
  return JSON.stringify({
    global: {
      scrape_interval: `${scrapeSeconds}s`,
      scrape_timeout: `${scrapeSeconds}s`,
      evaluation_interval: `${evaluateSeconds}s`,
    },
    rule_files: rules.map((file) => resolve(ROOT, file)),
    scrape_configs: [
      { job_name: 'ratchet', file_sd_configs: [{ files: [join(home, 'targets.json')], refresh_interval: '1s' }] },
    ],
  });
}

function launch({ home, port, flags = [] }, logFile) {
  const args = [
    `--config.file=${join(home, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(home, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
    ...flags,
  ];
  const [command, prefix] = diesWithParent(prometheusProgram());
  const log = openSync(logFile, 'a');
  const child = spawn(command, [...prefix, ...args], { cwd: home, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

/** A folder of its own; those of processes that are gone are removed. */
function ownFolder() {
  const parent = join(ROOT, '.ratchet', 'prometheus');
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
