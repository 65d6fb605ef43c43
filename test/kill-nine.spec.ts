import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { DemoSummary } from '../demo/summary.js';
import { runDemo } from './support/run-demo.js';

const SCENARIOS = ['first-compression', 'compression-damage', 'world-changed', 'bad-candidate'];
/** Each seed is another moment in each of the four scenarios; test/faults has every commit. */
const SEEDS = [5];
const MINUTES = 60_000;

/**
 * The whole demonstration as a user runs it, real traffic, real jobs, real database; in each scenario the control plane is
 * killed with SIGKILL once, at a moment that the seed decides, and started again.
 */
describe('kill -9 of the control plane', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-kill-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(SEEDS)(
    'at a random moment of each scenario changes nothing in how it ends (seed %i)',
    async (seed) => {
      const file = join(folder, `summary-${seed}.json`);
      const { code, output } = await runDemo(['--kill-seed', String(seed), '--json', file, '--port', '0']);
      const summary = JSON.parse(readFileSync(file, 'utf8')) as DemoSummary;
      const problems = summary.scenarios.flatMap(({ name, problems: found }) => found.map((one) => `${name}: ${one}`));
      expect({ problems, tail: problems.length > 0 || code !== 0 ? output : '' }).toEqual({ problems: [], tail: '' });
      expect(summary.scenarios.map(({ name }) => name)).toEqual(SCENARIOS);
      expect(summary.scenarios.filter(({ killedAt }) => killedAt === null)).toEqual([]);
      expect(summary.ok).toBe(true);
    },
    14 * MINUTES,
  );
});
