import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Cluster } from '../scripts/kube/cluster.mjs';
import type { Assembled } from '../scripts/images/assemble.mjs';

/** Where a pod of the test cluster finds the machine that it runs on. */
const HOST = '10.244.0.1';
const IMAGE = 'ratchet.local/runner-demo:1';

/** A cluster whose pods run the jobs, and what the control plane has to know of it. */
export interface Pods {
  readonly environment: Readonly<Record<string, string>>;
  /** Pods come from another address, so the API is guarded, and the demo has a token like everybody. */
  readonly token: string;
  close(): Promise<void>;
}

/** Makes the runner's image and a namespace for its pods, in the cluster of the environment or a new one. */
export async function openPods(root: string, folder: string, port: number, say: (line: string) => void): Promise<Pods> {
  say('a Kubernetes cluster for the jobs …');
  const harness = (await import(pathToFileURL(join(root, 'scripts/kube/cluster.mjs')).href)) as {
    openCluster(options: { node: boolean; gpus: number }): Promise<Cluster>;
  };
  const cluster = await harness.openCluster({ node: true, gpus: 2 });
  const namespace = `ratchet-demo-${randomBytes(3).toString('hex')}`;
  const close = async (): Promise<void> => {
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found']);
    await cluster.kubectl(['delete', 'persistentvolume', '-l', `ratchet.dev/demo=${namespace}`, '--wait=false']);
    await cluster.stop();
  };
  try {
    if (cluster.image === undefined || !cluster.hasNode)
      throw new Error('Jobs on Kubernetes need a cluster with a node that images can be given to (run as root).');
    const image = assembleRunner(root, join(folder, 'runner-image'));
    await cluster.image(IMAGE, image.root, ...image.entrypoint);
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(objectsOf(namespace, image)));
    say(`jobs run as pods of namespace ${namespace}, each with one of two GPUs of the scheduler's making`);
    const token = randomBytes(24).toString('hex');
    const claims = image.mounts.map(({ name, mountPath }) => `${name}:${mountPath}`).join(',');
    return {
      token,
      environment: {
        KUBECONFIG: cluster.kubeconfig,
        RATCHET_HTTP_HOST: '0.0.0.0',
        RATCHET_HTTP_BOOTSTRAP_TOKEN: token,
        RATCHET_JOBS_RUNNER: 'kubernetes',
        RATCHET_JOBS_NAMESPACE: namespace,
        RATCHET_JOBS_IMAGE: IMAGE,
        RATCHET_JOBS_IMAGE_PULL_POLICY: 'Never',
        RATCHET_JOBS_API_URL: `http://${HOST}:${port}`,
        RATCHET_JOBS_CLAIMS: claims,
        RATCHET_JOBS_MAX_GPUS: '2',
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function assembleRunner(root: string, target: string): Assembled {
  const program = join(root, 'scripts/images/assemble.mjs');
  return JSON.parse(
    execFileSync(process.execPath, [program, 'runner-host', target], { encoding: 'utf8' }),
  ) as Assembled;
}

/**
 * The namespace as an operator makes it, restricted; and the machine's Python environment as volumes that only claims reach, because
 * restricted pods may not mount the machine themselves.
 */
function objectsOf(namespace: string, image: Assembled): object {
  const labels = { 'ratchet.dev/demo': namespace };
  const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const volumes = image.mounts.flatMap(({ name, hostPath }) => [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${namespace}-${name}`, labels },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadOnlyMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: '',
        claimRef: { namespace, name },
        hostPath: { path: hostPath },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace, labels },
      spec: {
        accessModes: ['ReadOnlyMany'],
        storageClassName: '',
        volumeName: `${namespace}-${name}`,
        resources: { requests: { storage: '1Gi' } },
      },
    },
  ]);
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { ...labels, ...restricted } } },
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'ratchet-runner', namespace },
        automountServiceAccountToken: false,
      },
      ...volumes,
    ],
  };
}
