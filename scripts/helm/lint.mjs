/**
 * Asks kube-score, and checkov where it is installed, about every value set of the tests, and compares what they say with
 * k8s/exceptions.yaml.
 *
 *   node scripts/helm/lint.mjs                        kube-score (built from its Go module)
 *   node scripts/helm/lint.mjs --checkov PROGRAM      and checkov (pip install checkov==3.3.30, in an environment of its own)
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../setup/places.mjs';
import { CHART, helm, toolPath } from './helm.mjs';

const FIXTURES = join(ROOT, 'test', 'fixtures', 'chart');

/**
 * What no exception explains, which exceptions nothing needed, and how much was checked.
 * @returns {Promise<{ unexplained: string[], unused: string[], passed: number, explained: number }>}
 */
export async function lint({ checkov = null } = {}) {
  const exceptions = parse(readFileSync(join(ROOT, 'k8s', 'exceptions.yaml'), 'utf8'));
  const linters = { 'kube-score': await kubeScore(), ...(checkov === null ? {} : { checkov: checkovAt(checkov) }) };
  const sets = readdirSync(FIXTURES).filter((file) => file.endsWith('.values.yaml'));
  const remarks = [];
  let passed = 0;
  for (const set of sets) {
    const manifests = await helm(['template', 'acme', CHART, '-n', 'ratchet', '-f', join(FIXTURES, set)]);
    for (const [linter, ask] of Object.entries(linters)) {
      const said = ask(manifests);
      passed += said.passed;
      remarks.push(...said.failed.map((remark) => ({ ...remark, set, linter })));
    }
  }
  const isExplained = ({ linter, check, object }) =>
    (exceptions[linter][check] && (exceptions[linter][check].only ?? ['']).some((end) => object.endsWith(end))) ??
    false;
  const used = new Set(remarks.filter(isExplained).map(({ linter, check }) => `${linter} ${check}`));
  const unexplained = remarks.filter((remark) => !isExplained(remark));
  return {
    unexplained: unexplained.map(
      ({ set, linter, check, object, text }) => `${set}: ${linter} ${check} of ${object}: ${text}`,
    ),
    unused: Object.keys(linters)
      .flatMap((linter) => Object.keys(exceptions[linter]).map((check) => `${linter} ${check}`))
      .filter((exception) => !used.has(exception)),
    passed,
    explained: remarks.length - unexplained.length,
  };
}

async function kubeScore() {
  const program = await toolPath('kube-score');
  return (manifests) => {
    const args = ['score', '--kubernetes-version', 'v1.30', '--output-format', 'json', '-'];
    const objects = JSON.parse(
      spawnSync(program, args, { input: manifests, encoding: 'utf8', timeout: 60_000 }).stdout,
    );
    const checks = objects.flatMap(({ object_meta, checks: all }) =>
      all.filter(({ skipped }) => !skipped).map((check) => ({ ...check, object: object_meta.name })),
    );
    return {
      passed: checks.filter(({ grade }) => grade >= 10).length,
      failed: checks
        .filter(({ grade }) => grade < 10)
        .map(({ check, comments, object }) => ({
          check: check.id,
          object,
          text: comments?.[0]?.summary ?? check.name,
        })),
    };
  };
}

/** No download: its policies are within it. */
function checkovAt(program) {
  return (manifests) => {
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-chart-'));
    try {
      const file = join(folder, 'manifests.yaml');
      writeFileSync(file, manifests);
      const args = ['--skip-download', '--framework', 'kubernetes', '--output', 'json', '--quiet', '--file', file];
      const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 300_000, maxBuffer: 1 << 28 });
      if (!stdout.trim().startsWith('{')) throw new Error(`${program} said nothing that can be read: ${stderr}`);
      const { results, summary } = JSON.parse(stdout);
      return {
        passed: summary.passed,
        failed: results.failed_checks.map(({ check_id, check_name, resource }) => ({
          check: check_id,
          object: resource,
          text: check_name,
        })),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

if (import.meta.filename === process.argv[1]) {
  const [flag, program] = process.argv.slice(2);
  const checkov = flag === '--checkov' ? (program ?? 'checkov') : null;
  const { unexplained, unused, passed, explained } = await lint({ checkov });
  for (const line of unexplained) console.log(line);
  for (const line of unused) console.log(`k8s/exceptions.yaml: nothing needs ${line} any more`);
  console.log(`${passed} passed, ${explained} explained, ${unexplained.length} unexplained`);
  process.exitCode = unexplained.length + unused.length === 0 ? 0 : 1;
}
