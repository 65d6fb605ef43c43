/**
 * A real Kubernetes for tests: the one of the environment, or one of our own that lives as long as the tests. What starts
 * it (`kube-up`, `kube-image`, `kube-down`) lies in the folder `../shared/kube` beside the checkout, or in RATCHET_KUBE.
 */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT, RUNTIME } from '../setup/places.mjs';

/** Folders of the clusters that this checkout started; whoever cleans up after a crash reads it. */
export const CLUSTERS = join(RUNTIME, 'clusters');
const LOCK = join(tmpdir(), 'ratchet-kube-node.lock');

/** Folder with kube-up and its companions, or null. */
export function kubeTools() {
  const folder = resolve(ROOT, process.env.RATCHET_KUBE ?? '../shared/kube');
  return existsSync(join(folder, 'kube-up')) ? folder : null;
}

/** True when a cluster can be had at all. */
export function hasCluster() {
  return Boolean(process.env.RATCHET_TEST_CLUSTER || process.env.KUBECONFIG) || kubeTools() !== null;
}

/** True when pods can run on it: starting a node needs root. A cluster of the environment has to say so by RATCHET_TEST_CLUSTER. */
export function hasNode() {
  if (process.env.RATCHET_TEST_CLUSTER) return existsSync(join(process.env.RATCHET_TEST_CLUSTER, 'containerd.sock'));
  return !process.env.KUBECONFIG && kubeTools() !== null && process.getuid?.() === 0;
}

/**
 * The cluster of RATCHET_TEST_CLUSTER (a folder of kube-up), of KUBECONFIG, or a new one. `stop` ends only what this call started.
 * @param {{ node?: boolean, gpus?: number }} options of a new one
 */
export async function openCluster({ node = hasNode(), gpus = 2 } = {}) {
  if (process.env.RATCHET_TEST_CLUSTER) return clusterIn(resolve(process.env.RATCHET_TEST_CLUSTER), async () => {});
  if (process.env.KUBECONFIG) return clusterOf(process.env.KUBECONFIG);
  return startCluster({ node, gpus });
}

/** Starts a cluster of our own; with a node only one at a time on a machine, so it waits for its turn. */
export async function startCluster({ node = false, gpus = 0 } = {}) {
  const tools = kubeTools();
  if (tools === null) throw new Error('There is no ../shared/kube, no RATCHET_KUBE and no KUBECONFIG.');
  if (node) await lock();
  // A short path: sockets of the container runtime lie below it, and their names are bounded.
  const dir = mkdtempSync(join(tmpdir(), 'rk-'));
  mkdirSync(RUNTIME, { recursive: true });
  appendFileSync(CLUSTERS, `${dir}\n`);
  const stop = async () => {
    takeDown(dir);
    if (node) unlock();
  };
  const arguments_ = [dir, ...(node ? ['--node'] : []), ...(node && gpus > 0 ? ['--gpus', String(gpus)] : [])];
  try {
    await exec(join(tools, 'kube-up'), arguments_, 240_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return clusterIn(dir, stop);
}

/** Stops what kube-up started in a folder and removes the folder. */
export function takeDown(dir) {
  const tools = kubeTools();
  if (tools !== null && existsSync(dir)) spawnSync(join(tools, 'kube-down'), [dir], { timeout: 120_000 });
  rmSync(dir, { recursive: true, force: true });
}

/** Stops every cluster that this checkout started and nobody stopped. */
export function takeDownAll() {
  if (!existsSync(CLUSTERS)) return;
  for (const dir of readFileSync(CLUSTERS, 'utf8').split('\n')) if (dir !== '' && existsSync(dir)) takeDown(dir);
  rmSync(CLUSTERS, { force: true });
  unlock();
}

function clusterIn(dir, stop) {
  const kubeconfig = join(dir, 'kubeconfig');
  return {
    ...clusterOf(kubeconfig, join(dir, 'bin', 'kubectl')),
    dir,
    hasNode: existsSync(join(dir, 'containerd.sock')),
    stop,
    image: (name, root, ...entrypoint) =>
      exec(join(kubeTools(), 'kube-image'), [dir, name, root, ...entrypoint], 120_000),
    suspendPart: (name) => suspendPart(dir, name),
    stopPart: (name) => stopPart(dir, name),
  };
}

function clusterOf(kubeconfig, kubectl = 'kubectl') {
  return {
    kubeconfig,
    dir: null,
    hasNode: false,
    kubectl: (args, input) => exec(kubectl, args, 60_000, { KUBECONFIG: kubeconfig }, input),
    stop: async () => {},
  };
}

/** Freezes a part (`kubelet`, `apiserver`, …): it is there but answers nobody. Returns what wakes it. */
async function suspendPart(dir, name) {
  const pid = pidOf(dir, name);
  process.kill(pid, 'SIGSTOP');
  return async () => {
    process.kill(pid, 'SIGCONT');
  };
}

/** Ends a part; returns what starts it again with the arguments that it had. */
async function stopPart(dir, name) {
  const pid = pidOf(dir, name);
  const [command, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; isAlive(pid) && waited < 5_000; waited += 50) await pause(50);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  return async () => {
    // The part has to outlive this call, like the one that it replaces.
    const child = spawn('/bin/sh', ['-c', 'exec "$0" "$@" >>"$LOG" 2>&1', command, ...args], {
      cwd: dir,
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, KUBECONFIG: join(dir, 'kubeconfig'), LOG: join(dir, 'log', `${name}.log`) },
    });
    child.unref();
    writeFileSync(join(dir, 'run', `${name}.pid`), `${child.pid}\n`);
  };
}

function pidOf(dir, name) {
  return Number(readFileSync(join(dir, 'run', `${name}.pid`), 'utf8'));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits for the machine's one place for a cluster with a node. A lock whose owner is gone is void. */
async function lock() {
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isAlive(Number(readFileSync(LOCK, 'utf8')))) rmSync(LOCK, { force: true });
    else await pause(1_000);
  }
}

function unlock() {
  try {
    if (Number(readFileSync(LOCK, 'utf8')) === process.pid || !isAlive(Number(readFileSync(LOCK, 'utf8'))))
      rmSync(LOCK, { force: true });
  } catch {
    // Nobody holds it.
  }
}

/** Runs a program; its output. @throws Error with what it said when it fails */
function exec(command, args, timeoutMs, env = {}, input = null) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
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
    // `exit`, not `close`: what kube-up starts keeps our pipes open.
    child.on('exit', (code, signal) => {
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        if (code === 0) done(out);
        else
          fail(
            new Error(
              `${command} ${args.slice(0, 3).join(' ')}: ${signal ?? `exit code ${code}`}\n${err.slice(-2_000)}`,
            ),
          );
      });
    });
  });
}
