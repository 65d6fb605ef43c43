import { describe, expect, it } from '@jest/globals';
import { type FileResult, withSecondTry, worthASecondTry } from '../scripts/test/second-try.mjs';

const ROOT = '/project';

/** A file with tests by name, each `passed`, `failed` or `pending`; without tests it could not run at all. */
function file(path: string, tests: Readonly<Record<string, string>>): FileResult {
  const assertionResults = Object.entries(tests).map(([fullName, status]) => ({
    ...{ fullName, status },
    failureMessages: status === 'failed' ? [`\u001B[31m${fullName} is wrong\u001B[39m\n  at its place`] : [],
  }));
  const isGood = assertionResults.length > 0 && assertionResults.every(({ status }) => status !== 'failed');
  return {
    ...{ name: `${ROOT}/${path}`, status: isGood ? 'passed' : 'failed', assertionResults },
    message: assertionResults.length === 0 ? 'Cannot find module\n  at a place' : '',
  };
}

describe('a second try in CI', () => {
  const good = file('src/good.spec.ts', { fine: 'passed', later: 'pending' });
  const bad = file('src/bad.spec.ts', { shaky: 'failed', steady: 'passed' });

  it.each([
    ['nothing failed', [good], []],
    ['one file failed', [good, bad], ['src/bad.spec.ts']],
    ['a file could not run', [file('test/broken.spec.ts', {})], ['test/broken.spec.ts']],
    ['more failed than by accident', [1, 2, 3, 4].map((n) => file(`src/${n}.spec.ts`, { a: 'failed' })), []],
    ['a fault suite failed', [file('test/faults/demo.spec.ts', { a: 'failed' })], []],
    ['the kills failed, and something else', [file('test/kill-nine.spec.ts', { a: 'failed' }), bad], []],
    ['counting exactly once failed', [file('test/exactly-once.spec.ts', { a: 'failed' })], []],
    ['an abort did not win', [file('test/abort-wins.pg.spec.ts', { a: 'failed' })], []],
  ])('when %s', (_what, testResults, expected) => {
    expect(worthASecondTry({ testResults }, ROOT)).toEqual(expected.map((path) => `${ROOT}/${path}`));
  });

  it('counts each test once, by its last result, and names what passed only then', () => {
    const { report, notes } = withSecondTry(
      { testResults: [good, bad] },
      { testResults: [file('src/bad.spec.ts', { shaky: 'passed', steady: 'passed' })] },
      ROOT,
    );
    expect(report).toMatchObject({ numPassedTests: 3, numFailedTests: 0, numPendingTests: 1 });
    expect(report.numRuntimeErrorTestSuites).toBe(0);
    expect(notes).toEqual(['unsteady, passed at the second try: src/bad.spec.ts: shaky: shaky is wrong']);
  });

  it('what fails twice has failed, also when another test of its file failed first', () => {
    const { report, notes } = withSecondTry(
      { testResults: [bad] },
      { testResults: [file('src/bad.spec.ts', { shaky: 'failed', steady: 'failed' })] },
      ROOT,
    );
    expect(report).toMatchObject({ numPassedTests: 0, numFailedTests: 2 });
    expect(notes).toEqual([]);
  });

  it('what passed first and could not run then has not passed', () => {
    const { report, notes } = withSecondTry(
      { testResults: [bad] },
      { testResults: [file('src/bad.spec.ts', {})] },
      ROOT,
    );
    expect(report).toMatchObject({ numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1 });
    expect(notes).toEqual([]);
  });

  it('a file that ran only the second time is named, one that never ran is a failure', () => {
    const broken = file('src/broken.spec.ts', {});
    const ran = withSecondTry(
      { testResults: [broken] },
      { testResults: [file('src/broken.spec.ts', { a: 'passed' })] },
      ROOT,
    );
    expect(ran.report).toMatchObject({ numPassedTests: 1, numRuntimeErrorTestSuites: 0 });
    expect(ran.notes).toEqual([
      'unsteady, passed at the second try: src/broken.spec.ts: the whole file: Cannot find module',
    ]);
    const never = withSecondTry({ testResults: [broken] }, { testResults: [broken] }, ROOT);
    expect(never.report).toMatchObject({ numPassedTests: 0, numRuntimeErrorTestSuites: 1 });
    expect(never.notes).toEqual([]);
  });
});
