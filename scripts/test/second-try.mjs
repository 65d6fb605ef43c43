/**
 * In CI a spec file that failed is run once more, alone: on a shared machine some test out of thousands meets an unlucky
 * moment in most runs. What passes then counts as passed and is named as unsteady, so that somebody mends it.
 */
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ROOT } from '../setup/places.mjs';

/** More files than this are no accident. */
const MOST_FILES = 3;
/** These look for races and lost work by chance: a failure there may be the one run in many that found something. */
const NEVER_AGAIN = [/^test\/faults\//, /^test\/kill-nine\./, /^test\/exactly-once/, /^test\/abort-wins\./];

/**
 * The spec files worth a second try, as paths; none when too many failed or one of them is never tried again.
 * @param report jest's own, of the first run
 */
export function worthASecondTry(report, root = ROOT) {
  const failed = report.testResults.filter(hasFailed).map(({ name }) => name);
  const isBarred = (path) => NEVER_AGAIN.some((pattern) => pattern.test(relative(root, path)));
  return failed.length > MOST_FILES || failed.some(isBarred) ? [] : failed;
}

/**
 * The first report with the results of the second in place of those of its files, and a note for each test that passed
 * only then.
 */
export function withSecondTry(first, second, root = ROOT) {
  const again = new Map(second.testResults.map((file) => [file.name, file]));
  const testResults = [...first.testResults.filter(({ name }) => !again.has(name)), ...second.testResults];
  const notes = first.testResults
    .filter(({ name }) => again.has(name))
    .flatMap(failuresOf)
    .filter(({ file, test }) => hasPassed(again.get(file), test))
    .map(({ file, test, message }) => {
      const what = `${relative(root, file)}: ${test ?? 'the whole file'}`;
      return `unsteady, passed at the second try: ${what}: ${firstLine(message)}`;
    });
  return { report: { ...sums(testResults), testResults }, notes };
}

function hasFailed({ status }) {
  return status === 'failed';
}

/** The failed tests of a file; one without a name when the file could not run at all. */
function failuresOf({ name: file, status, assertionResults, message }) {
  const failed = assertionResults.filter(hasFailed);
  if (status === 'failed' && failed.length === 0) return [{ file, test: null, message }];
  return failed.map(({ fullName: test, failureMessages: [text] }) => ({ file, test, message: text }));
}

function hasPassed({ status, assertionResults }, test) {
  if (test === null) return status === 'passed';
  return assertionResults.some(({ fullName, status: its }) => fullName === test && its === 'passed');
}

function sums(testResults) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const number = (...statuses) => tests.filter(({ status }) => statuses.includes(status)).length;
  return {
    numPassedTests: number('passed'),
    numFailedTests: number('failed'),
    numPendingTests: number('pending', 'skipped', 'disabled'),
    numTodoTests: number('todo'),
    numRuntimeErrorTestSuites: testResults.filter((file) => hasFailed(file) && !file.assertionResults.some(hasFailed))
      .length,
  };
}

function firstLine(message = '') {
  return stripVTControlCharacters(message).trim().split('\n')[0];
}
