import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleControl } from '../../scripts/images/assemble.mjs';
import { CHART, helm } from '../../scripts/helm/helm.mjs';
import { openTestDatabase } from '../../src/platform/postgres/testing/index.js';
import { type Cluster, openCluster } from './kube.js';
import { type Answer, call, upload } from './whole-app.js';

/** Where a pod finds the machine of the tests. */
const HOST = '10.244.0.1';
const UID = 10_001;
export const TOKEN = 'a-token-of-nobody-but-this-test';
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** A release of the chart on the cluster of the tests, with all that it needs. */
export interface InstalledChart {
  readonly cluster: Cluster;
  readonly release: string;
  readonly namespace: string;
  readonly jobsNamespace: string;
  /** Installs it, or upgrades to these values, and waits until everything is ready. */
  deploy(values: object): Promise<void>;
  uninstall(): Promise<void>;
  /** Address of one of its Services, as the node reaches it. */
  serviceUrl(part: string): Promise<string>;
  /** The API, with the admin's token unless another one is given. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  upload(bytes: Uint8Array): Promise<string>;
  /** What kubectl says as JSON, about the release's namespace. */
  get<Found>(...what: readonly string[]): Promise<Found>;
  /** What a program of Node prints within a pod of that part. */
  inPod(part: string, program: string): Promise<string>;
  close(): Promise<void>;
}

/** The image of the control plane out of this checkout, a database, a volume and the Secrets; nothing is installed yet. */
export async function prepareChart(prefix: string): Promise<InstalledChart> {
  const cluster = await openCluster();
  const undo: (() => Promise<unknown>)[] = [() => cluster.stop()];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { ...(await prepare(cluster, prefix, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Undo = (() => Promise<unknown>)[];

async function prepare(cluster: Cluster, prefix: string, undo: Undo): Promise<Omit<InstalledChart, 'close'>> {
  const namespace = `${prefix}-${process.pid}`;
  const [jobsNamespace, release, volume] = [`${namespace}-jobs`, 'acme', namespace];
  const kubectl = (args: readonly string[], input?: string) => cluster.kubectl(['-n', namespace, ...args], input);
  const image = await makeImage(cluster, namespace, undo);
  const databaseUrl = await reachableDatabase(undo);
  const artifacts = temporaryFolder(undo);
  chownSync(artifacts, UID, UID);
  undo.push(() =>
    cluster.kubectl(['delete', '--ignore-not-found', `ns/${namespace}`, `ns/${jobsNamespace}`, `pv/${volume}`]),
  );
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: RESTRICTED } },
    secret(namespace, 'ratchet-database', { url: databaseUrl }),
    secret(namespace, 'ratchet-bootstrap', { token: TOKEN }),
    hostVolume(volume, artifacts),
  ];
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

  const env = { KUBECONFIG: cluster.kubeconfig };
  const always = {
    image: { repository: image, tag: 'test', pullPolicy: 'Never' },
    database: { secret: { name: 'ratchet-database' } },
    api: { bootstrapToken: { secret: { name: 'ratchet-bootstrap' } } },
    artifacts: { volume: { storageClass: volume, size: '1Gi' } },
    // No runner: a Job of this image is made and run like any other, and fails.
    jobs: { namespace: { name: jobsNamespace }, image: { repository: image, tag: 'test', pullPolicy: 'Never' } },
  };
  const get = async <Found>(...what: readonly string[]): Promise<Found> =>
    JSON.parse(await kubectl(['get', '-o', 'json', ...what])) as Found;
  const serviceUrl = async (part: string): Promise<string> => {
    const { spec } = await get<Service>('service', `${release}-ratchet-${part}`);
    return `http://${spec.clusterIP}:${spec.ports[0]!.port}`;
  };
  return {
    cluster,
    release,
    namespace,
    jobsNamespace,
    get,
    serviceUrl,
    deploy: async (values) => {
      // JSON is YAML too; the later document wins, key by key.
      const inputs = [always, values].flatMap((document) => Object.entries(document));
      const sets = inputs.flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
      const args = ['upgrade', '--install', release, CHART, '--namespace', namespace, '--wait', '--timeout', '170s'];
      await helm([...args, ...sets], { env, timeoutMs: 200_000 }).catch(async (error: unknown) => {
        throw new Error(`${(error as Error).message}\n${await standing(kubectl)}`, { cause: error });
      });
    },
    uninstall: async () => {
      await helm(['uninstall', release, '--namespace', namespace, '--wait', '--timeout', '100s'], { env });
    },
    call: async (method, path, body, token = TOKEN) => call((await serviceUrl('control')) + path, method, body, token),
    upload: async (bytes) => upload(await serviceUrl('control'), bytes, TOKEN),
    inPod: (part, program) =>
      kubectl(['exec', `deploy/${release}-ratchet-${part}`, '--', '/usr/local/bin/node', '-e', program]),
  };
}

/** What a red test should say: which pods there are, and the last words of those that are not ready. */
async function standing(kubectl: (args: readonly string[]) => Promise<string>): Promise<string> {
  const said = [await kubectl(['get', 'pods', '--no-headers'])];
  for (const line of said[0]!.split('\n').filter((one) => / 0\/1 /.test(one)))
    said.push(await kubectl(['logs', '--tail=3', line.split(' ')[0]!]).catch((error: unknown) => String(error)));
  return said.join('\n');
}

interface Service {
  readonly spec: { readonly clusterIP: string; readonly ports: readonly { readonly port: number }[] };
}

async function makeImage(cluster: Cluster, name: string, undo: Undo): Promise<string> {
  const image = `docker.io/library/${name}`;
  const root = temporaryFolder(undo);
  const { entrypoint } = assembleControl(root);
  await cluster.image!(`${image}:test`, root, ...entrypoint);
  return image;
}

/** An empty database of its own, for the first pods to fill, and a way to it from pods: the server of the tests listens on the loopback address only. */
async function reachableDatabase(undo: Undo): Promise<string> {
  const database = await openTestDatabase([]);
  undo.push(() => database.close());
  const url = new URL(database.url);
  const target = { host: url.hostname, port: Number(url.port === '' ? 5432 : url.port) };
  const relay = createServer((client) => {
    const server = connect(target);
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
  });
  await new Promise<void>((listening) => relay.listen(0, listening));
  undo.push(() => new Promise((closed) => relay.close(closed)));
  url.hostname = HOST;
  url.port = String((relay.address() as AddressInfo).port);
  return url.href;
}

function temporaryFolder(undo: Undo): string {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-chart-'));
  undo.push(async () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function secret(namespace: string, name: string, stringData: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}

/** `restricted` pods may not mount a folder of the node, but a claim may be bound to one. */
function hostVolume(name: string, path: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany'],
      storageClassName: name,
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path },
    },
  };
}
