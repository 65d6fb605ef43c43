/** Runs the tests and prints `N passed, N failed` alone on the last line: the true sums over all suites. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasCluster, hasNode, startCluster } from './kube/cluster.mjs';
import { RUNTIME } from './setup/places.mjs';
import { runJest } from './test/jest.mjs';
import { inCi } from './test/process.mjs';
import { runPytest } from './test/pytest.mjs';
import { missingServices } from './test/services.mjs';

const USAGE = `usage: npm test [-- PATTERN... | --python [PYTEST ARGUMENTS]]

  npm test                       everything: unit tests, whole-application tests, the runners' tests
  npm test -- src/rollouts       the spec files whose path matches; jest's own options may follow
  npm test -- --python -k ptq    the runners' tests only

With CI=true a service that is missing, and a test that was skipped, is a failure.`;

const args = process.argv.slice(2);
const reports = join(RUNTIME, 'reports');
mkdirSync(reports, { recursive: true });

if (args.includes('--help')) {
  console.log(USAGE);
} else {
  process.exitCode = await main();
}

async function main() {
  const missing = await missingServices();
  const suites = [];
  const kubernetes = await startKubernetes();
  try {
    for (const suite of chooseSuites()) {
      console.log(`\n# ${suite.name}`);
      suites.push({ name: suite.name, ...(await suite.run(missing)) });
    }
  } finally {
    await kubernetes?.stop();
    await stopTestCluster();
  }
  return summarise(suites, missing);
}

/** One cluster for all suites; a part of the tests starts its own when it needs one. */
async function startKubernetes() {
  if (args.length > 0 || process.env.RATCHET_TEST_CLUSTER || process.env.KUBECONFIG || !hasCluster()) return null;
  const node = hasNode();
  console.log(
    `\n# a Kubernetes for the tests, ${node ? 'with a node that runs pods' : 'without a node (that needs root)'}`,
  );
  const cluster = await startCluster({ node, gpus: 2 });
  process.env.RATCHET_TEST_CLUSTER = cluster.dir;
  return cluster;
}

/** The embedded PostgreSQL that the tests share outlives each of them on purpose; it must not outlive all of them. */
async function stopTestCluster() {
  const { stopTestCluster: stop } = await import('../dist/platform/postgres/testing/index.js');
  await stop();
}

function chooseSuites() {
  const python = { name: 'gpu-runners (pytest)', run: (missing) => runPytest({ reports, missing }) };
  if (args[0] === '--python')
    return [{ ...python, run: (missing) => runPytest({ reports, missing, args: args.slice(1) }) }];
  if (args.length > 0)
    return [{ name: `jest ${args.join(' ')}`, run: (missing) => runJest({ reports, missing, name: 'part', args }) }];
  return [
    {
      name: 'units (jest)',
      run: (missing) =>
        runJest({
          reports,
          missing,
          name: 'units',
          args: ['--maxWorkers=2', '--roots', 'src', '--roots', 'test/structure'],
        }),
    },
    // One at a time: these start whole control planes, train models and measure latencies.
    {
      name: 'whole application (jest)',
      run: (missing) =>
        runJest({
          reports,
          missing,
          name: 'application',
          args: ['--runInBand', '--roots', 'test', '--roots', 'demo', '--testPathIgnorePatterns', '/test/structure/'],
        }),
    },
    python,
  ];
}

function summarise(suites, missing) {
  const sum = (field) => suites.reduce((total, suite) => total + suite[field], 0);
  console.log('\n# Sums');
  for (const { name, passed, failed, skipped, notes } of suites) {
    console.log(`  ${name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
    for (const note of notes) console.log(`    ! ${note}`);
  }
  for (const { name, how } of missing) console.log(`  left out: what needs ${name}. ${how}`);
  if (missing.length === 0) console.log('  every service that the tests use was there');
  const strict = inCi ? missing.length + sum('skipped') : 0;
  if (strict > 0)
    console.log(`  CI: ${missing.length} missing services and ${sum('skipped')} skipped tests count as failed`);
  const failed = sum('failed') + strict;
  console.log(`${sum('passed')} passed, ${failed} failed`);
  return failed > 0 || sum('passed') === 0 ? 1 : 0;
}
