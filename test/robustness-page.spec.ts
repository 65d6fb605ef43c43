import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/robustness.md'), 'utf8');
const [, promises = '', record = ''] =
  /## Promises\n([^]*?)\n## How to try it[^]*## Track record\n([^]*)/.exec(PAGE) ?? [];

/** A page that names a test which is gone promises what nobody shows. */
describe('docs/robustness.md', () => {
  const rows = promises.split('\n').filter((line) => /^\| (?!promise|---)/.test(line));
  const shown = rows.map((row) => /\| `([^`]+\.spec\.ts)` › "([^"]+)" \|$/.exec(row));

  it('has a test for every promise', () => {
    expect(rows.length).toBeGreaterThan(15);
    expect(rows.filter((_, at) => shown[at] === null)).toEqual([]);
  });

  it.each(shown.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? ''] as const])))(
    '%s has the test "%s"',
    (file, name) => {
      expect(existsSync(join(ROOT, file))).toBe(true);
      expect(readFileSync(join(ROOT, file), 'utf8')).toContain(name);
    },
  );

  it('says of every bug what found it, how to see it and what ended it', () => {
    const bugs = record.split('\n').filter((line) => /^\| (?!bug|---)/.test(line));
    expect(bugs.length).toBeGreaterThan(5);
    expect(bugs.filter((line) => line.split(' | ').length !== 4 || / \| +\|/.test(line))).toEqual([]);
  });
});
