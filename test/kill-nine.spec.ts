import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { DemoSummary } from '../demo/summary.js';

const ROOT = resolve(import.meta.dirname, '..');
const SCENARIOS = ['first-compression', 'compression-damage', 'world-changed', 'bad-candidate'];
/** Each seed is another moment in each of the four scenarios. */
const SEEDS = [2, 5];
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
      const { code, output } = await demo(['--kill-seed', String(seed), '--json', file, '--port', '0']);
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

function demo(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(ROOT, 'dist/demo/main.js'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-8_000);
        // Minutes without a word would look like a hang.
        for (const line of text.split('\n'))
          if (/Scenario:|⚡|ended as/.test(line)) process.stdout.write(`  ${line}\n`);
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      done({ code, output });
    });
  });
}
