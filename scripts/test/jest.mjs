import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_MODULES } from '../setup/places.mjs';
import { runSuite } from './process.mjs';

/** Runs jest and counts from its own report; whatever went wrong beside the tests counts as one failure more. */
export async function runJest({ reports, missing, name, args }) {
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
  if (!existsSync(report)) return crashed(`jest ended without a report (${end.signal ?? `exit code ${end.code}`})`);
  return count(JSON.parse(readFileSync(report, 'utf8')), end);
}

function count(result, { code, signal, hung }) {
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
