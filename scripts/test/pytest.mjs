import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pythonBinary } from '../setup/python-environment.mjs';
import { runSuite } from './process.mjs';

/** Runs the runners' tests and counts from the JUnit report. */
export async function runPytest({ reports, missing, args = [] }) {
  if (missing.some((service) => service.name === 'python-runner')) {
    return { passed: 0, failed: 0, skipped: 0, notes: ['the Python environment is missing'] };
  }
  const report = join(reports, 'pytest.xml');
  rmSync(report, { force: true });
  const end = await runSuite(pythonBinary, ['-m', 'pytest', 'gpu-runners', '-q', `--junitxml=${report}`, ...args], {
    env: { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? '1', PYTHONUNBUFFERED: '1' },
    isDone: () => existsSync(report),
  });
  if (!existsSync(report))
    return { passed: 0, failed: 1, skipped: 0, notes: [`pytest ended without a report (exit code ${end.code})`] };
  return countReport(readFileSync(report, 'utf8'), end);
}

function countReport(xml, { code, hung }) {
  const totals = { tests: 0, failures: 0, errors: 0, skipped: 0 };
  for (const [, attributes] of xml.matchAll(/<testsuite\s([^>]*)>/g)) {
    for (const key of Object.keys(totals))
      totals[key] += Number(new RegExp(`\\b${key}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
  }
  const notes = [];
  let failed = totals.failures + totals.errors;
  const passed = totals.tests - failed - totals.skipped;
  if (passed + failed === 0) notes.push('no test ran');
  else if (hung) notes.push('pytest did not end after the last test');
  else if (code !== 0 && failed === 0) notes.push(`pytest failed beside the tests (exit code ${code})`);
  failed += notes.length;
  return { passed, failed, skipped: totals.skipped, notes };
}
