import { describe, expect, it } from '@jest/globals';
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
  it.each(SEEDS)(
    'at a random moment of each scenario changes nothing in how it ends (seed %i)',
    async (seed) => {
      const { summary, problems, tail } = await runDemo(['--kill-seed', String(seed), '--port', '0']);
      expect({ problems, tail }).toEqual({ problems: [], tail: '' });
      expect(summary.scenarios.map(({ name }) => name)).toEqual(SCENARIOS);
      expect(summary.scenarios.filter(({ killedAt }) => killedAt === null)).toEqual([]);
      expect(summary.ok).toBe(true);
    },
    14 * MINUTES,
  );
});
