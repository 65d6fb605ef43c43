import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from './kube.js';
import { until } from './until.js';

const run = promisify(execFile);

/** Custom resources of other projects, out of their Go modules: module, file, and which of the file's definitions. */
const DEFINITIONS = {
  'http-route': {
    module: 'sigs.k8s.io/gateway-api@v1.6.1',
    file: 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml',
    name: 'httproutes.gateway.networking.k8s.io',
  },
  kserve: {
    module: 'github.com/kserve/kserve@v0.20.0',
    file: 'config/crd/full/serving.kserve.io_inferenceservices.yaml',
    name: 'inferenceservices.serving.kserve.io',
  },
  istio: {
    module: 'istio.io/api@v1.31.1',
    file: 'kubernetes/customresourcedefinitions.gen.yaml',
    name: 'virtualservices.networking.istio.io',
  },
  kueue: {
    module: 'sigs.k8s.io/kueue@v0.18.3',
    file: 'config/components/crd/bases/kueue.x-k8s.io_workloads.yaml',
    name: 'workloads.kueue.x-k8s.io',
  },
} as const;

/** Puts the real definitions on the cluster. Repeatable; they belong to the whole cluster and stay there. */
export async function installDefinitions(
  cluster: Cluster,
  ...kinds: readonly (keyof typeof DEFINITIONS)[]
): Promise<void> {
  for (const { module, file, name } of kinds.map((kind) => DEFINITIONS[kind])) {
    const { stdout } = await run('go', ['mod', 'download', '-json', module], { timeout: 120_000 });
    const text = await readFile(join((JSON.parse(stdout) as { Dir: string }).Dir, file), 'utf8');
    const document = text.split(/^---$/m).find((part) => part.includes(`\n  name: ${name}\n`)) ?? '';
    if (document === '') throw new Error(`${module} has no ${name} in ${file}`);
    // Too large for the annotation of a client-side apply.
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], document);
    // `kubectl wait` fails on a definition that has no conditions at all yet.
    const established = 'jsonpath={.status.conditions[?(@.type=="Established")].status}';
    await until(`${name} on the cluster`, async () =>
      (await cluster.kubectl(['get', `crd/${name}`, '-o', established]).catch(() => '')) === 'True' ? true : null,
    );
  }
}
