import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { answerTo, USAGE } from './command-line.js';

describe('the command line of the program', () => {
  it('starts without arguments', () => {
    expect(answerTo([])).toBeNull();
  });

  it.each(['--help', '-h'])('explains itself for %s and does not start', (flag) => {
    expect(answerTo([flag])).toEqual({ text: USAGE, code: 0 });
  });

  it('refuses what it does not know, also beside --help', () => {
    expect(answerTo(['--help', '--port'])?.code).toBe(2);
    expect(answerTo(['serve'])?.text).toMatch(/unknown argument "serve"/);
  });

  it('names only settings that the reference page has', () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const named = USAGE.match(/\b(?:RATCHET|KAFKA|DATABASE)_[A-Z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !page.includes(name))).toEqual([]);
  });
});
