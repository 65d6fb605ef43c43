import { randomBytes } from 'node:crypto';
import { type Cluster, openCluster } from '../../scripts/kube/cluster.mjs';
import { describeWith } from './services.js';

export type { Cluster } from '../../scripts/kube/cluster.mjs';
export { openCluster } from '../../scripts/kube/cluster.mjs';

/** Needs a real API server. */
export const describeWithKubernetes = describeWith('kubernetes');
/** Needs a node that runs pods. */
export const describeWithNode = describeWith('kubernetes-node');

/** A cluster and a namespace in it that is gone afterwards. */
export async function openNamespace(
  prefix: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<{ cluster: Cluster; namespace: string; close: () => Promise<void> }> {
  const cluster = await openCluster();
  const namespace = `${prefix}-${randomBytes(4).toString('hex')}`;
  const document = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(document));
  return {
    cluster,
    namespace,
    close: async () => {
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
      await cluster.stop();
    },
  };
}
