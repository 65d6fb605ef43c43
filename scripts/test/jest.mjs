import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { NODE_MODULES, ROOT } from '../setup/places.mjs';
import { inCi, runSuite } from './process.mjs';
import { withSecondTry, worthASecondTry } from './second-try.mjs';

/**
 * Runs jest and counts from its own report; whatever went wrong beside the tests counts as one failure more. In CI a few
 * failed files are run once more, alone (ADR 0043).
 */
export async function runJest({ reports, missing, name, args }) {
  const first = await jest({ reports, missing, name, args });
  const again = inCi && first.report !== null ? worthASecondTry(first.report) : [];
  if (again.length === 0) return count(first);
  console.log(`\n# once more, alone: ${again.map((path) => relative(ROOT, path)).join(', ')}`);
  const second = await jest({
    reports,
    missing,
    name: `${name}-again`,
    args: ['--runInBand', '--runTestsByPath', ...again],
  });
  if (second.report === null) return count(first);
  const { report, notes } = withSecondTry(first.report, second.report);
  const counted = count({ report, end: { ...second.end, hung: first.end.hung || second.end.hung } });
  return { ...counted, notes: [...counted.notes, ...notes] };
}

async function jest({ reports, missing, name, args }) {
  const report = join(reports, `jest-${name}.json`);
  rmSync(report, { force: true });
  const node = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(NODE_MODULES, 'jest/bin/jest.js'),
  ];
  const end = await runSuite(process.execPath, [...node, '--json', '--outputFile', report, ...args], {
    env: { RATCHET_TESTS_WITHOUT: missing.map((service) => service.name).join(',') },
    isDone: () => existsSync(report),
  });
  return { report: existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null, end };
}

function count({ report: result, end: { code, signal, hung } }) {
  if (result === null) return crashed(`jest ended without a report (${signal ?? `exit code ${code}`})`);
  const notes = [];
  let failed = result.numFailedTests;
  if (result.numRuntimeErrorTestSuites > 0) {
    failed += result.numRuntimeErrorTestSuites;
    notes.push(`${result.numRuntimeErrorTestSuites} spec files could not run at all; each counts as one failure`);
  }
  if (result.numPassedTests + failed === 0) {
    failed += 1;
    notes.push('no test ran');
  }
  if (hung) {
    failed += 1;
    notes.push('jest did not end after the last test: something was left open (a server, a pool, a timer)');
  } else if (code !== 0 && failed === 0) {
    failed += 1;
    notes.push(`jest failed beside the tests (${signal ?? `exit code ${code}`})`);
  }
  return { passed: result.numPassedTests, failed, skipped: result.numPendingTests + result.numTodoTests, notes };
}

function crashed(note) {
  return { passed: 0, failed: 1, skipped: 0, notes: [note] };
}
