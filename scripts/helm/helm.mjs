/**
 * Helm and kube-score, built once from their Go modules into .runtime/go-tools: nothing has to be installed but Go.
 *
 *   node scripts/helm/helm.mjs template demo k8s/ratchet     what stands behind it is Helm's own command line
 *   node scripts/helm/helm.mjs --where                       builds it when needed and says where it is
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT, RUNTIME } from '../setup/places.mjs';
import { ask } from '../setup/program.mjs';

export const CHART = join(ROOT, 'k8s', 'ratchet');
const TOOLS = join(RUNTIME, 'go-tools');
const LEAST_GO = [1, 26];
const BUILD_MS = 15 * 60_000;

const PROGRAMS = {
  // Helm 3 takes two thirds of Helm 4's time to build and renders the same of this chart. Which Kubernetes it takes for given
  // where it cannot ask one is set by its makefile, which we do not use.
  helm: {
    module: 'helm.sh/helm/v3',
    command: 'cmd/helm',
    version: 'v3.21.4',
    variables: {
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': 1,
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': 34,
    },
  },
  'kube-score': {
    module: 'github.com/zegl/kube-score',
    command: 'cmd/kube-score',
    version: 'v1.20.0',
    variables: {},
  },
};

/** True when the program is there, or Go to build it with. */
export function canHave(name) {
  return existsSync(fileOf(name)) || hasGo();
}

/** Path of the program; builds it when it is not there. @throws Error that says what is missing or what the build said */
export async function toolPath(name) {
  const file = fileOf(name);
  if (existsSync(file)) return file;
  if (!hasGo()) throw new Error(`${name} is built from its Go module: install Go ${LEAST_GO.join('.')} or newer.`);
  mkdirSync(TOOLS, { recursive: true });
  const lock = `${file}.building`;
  while (!tryLock(lock)) {
    await pause(500);
    if (existsSync(file)) return file;
  }
  try {
    if (!existsSync(file)) await build(name, file);
    return file;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** What Helm prints. @throws Error with what it complained about */
export async function helm(args, { env = {}, input = null, timeoutMs = 240_000 } = {}) {
  return exec(await toolPath('helm'), args, { env: { ...quiet(), ...env }, input, timeoutMs });
}

export async function kubeScore(args, { input = null } = {}) {
  return exec(await toolPath('kube-score'), args, { input, timeoutMs: 120_000 });
}

/** Helm keeps nothing in the user's home. */
function quiet() {
  const home = join(TOOLS, 'helm-home');
  return { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
}

function fileOf(name) {
  return join(TOOLS, `${name}-${PROGRAMS[name].version}`);
}

function hasGo() {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(ask('go', ['env', 'GOVERSION']) ?? '') ?? [];
  return Number(major) > LEAST_GO[0] || (Number(major) === LEAST_GO[0] && Number(minor) >= LEAST_GO[1]);
}

/** Static, stripped, neither optimised nor with debugging tables: the compiler is what takes the time, not Helm. */
async function build(name, file) {
  const { module, command, version, variables } = PROGRAMS[name];
  const linked = Object.entries(variables).map(([variable, value]) => ` -X ${variable}=${value}`);
  const began = Date.now();
  process.stderr.write(`building ${name} ${version} from its Go module, once …\n`);
  const out = `${file}.new`;
  rmSync(out, { recursive: true, force: true });
  await exec(
    'go',
    [
      'install',
      '-trimpath',
      '-gcflags=all=-dwarf=false -N -l',
      `-ldflags=-s -w${linked.join('')}`,
      `${module}/${command}@${version}`,
    ],
    { env: { CGO_ENABLED: '0', GOBIN: out, GOFLAGS: '-buildvcs=false' }, timeoutMs: BUILD_MS, cwd: TOOLS },
  );
  renameSync(join(out, name), file);
  rmSync(out, { recursive: true, force: true });
  process.stderr.write(`${name} is built, in ${Math.round((Date.now() - began) / 1000)} s\n`);
}

/** A lock that nobody has let go of for longer than a build may take is void. */
function tryLock(lock) {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > BUILD_MS)
    rmSync(lock, { recursive: true, force: true });
  return false;
}

function exec(command, args, { env = {}, input = null, timeoutMs, cwd = ROOT }) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    child.stdin?.end(input);
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code === 0) return done(out);
      const said = (err + out).slice(-6_000);
      fail(new Error(`${command} ${args.slice(0, 3).join(' ')}: ${signal ?? `exit code ${code}`}\n${said}`));
    });
  });
}

if (import.meta.filename === process.argv[1]) await main(process.argv.slice(2));

async function main(args) {
  const path = await toolPath('helm');
  if (args[0] === '--where') {
    console.log(path);
    return;
  }
  const child = spawn(path, args, { stdio: 'inherit', env: { ...process.env, ...quiet() } });
  process.exitCode = await new Promise((done) => child.on('close', (code) => done(code ?? 1)));
}
