import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { describeWithKafka } from './support/kafka.js';

const ROOT = resolve(import.meta.dirname, '..');
/** The whole proof has 30 (`RATCHET_EXACTLY_ONCE_KILLS=30`); these hold one of each kind at least. */
const KILLS = Number(process.env['RATCHET_EXACTLY_ONCE_KILLS'] ?? 7);
const SEED = Number(process.env['RATCHET_EXACTLY_ONCE_SEED'] ?? 1);
/** Starting takes a minute on a busy machine, a kill some seconds with what comes after it. */
const LIMIT_MS = 240_000 + KILLS * 40_000;

interface Result {
  readonly kills: {
    readonly byKind: Readonly<Record<'sigkill' | 'zombie' | 'broker', number>>;
    readonly slowest: number;
  };
  readonly verdict: {
    readonly total: number;
    readonly miscounted: Readonly<Record<string, number>>;
    readonly truth: Readonly<Record<string, number>>;
  };
}

describeWithKafka('each record of the log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-proof-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    `counts exactly once, while ${KILLS} times a process or the broker is killed under load (seed ${SEED})`,
    async () => {
      const file = join(folder, 'result.json');
      const { code, output } = await prove(['--kills', String(KILLS), '--seed', String(SEED), '--json', file]);
      expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
      const { kills, verdict } = JSON.parse(readFileSync(file, 'utf8')) as Result;
      expect(verdict.miscounted).toEqual({ events: 0, errors: 0, labels: 0, deadLetters: 0, offsets: 0, journal: 0 });
      expect(kills.byKind.sigkill + kills.byKind.zombie + kills.byKind.broker).toBe(KILLS);
      expect(kills.byKind.zombie).toBeGreaterThanOrEqual(Math.floor(KILLS / 4));
      expect(kills.byKind.broker).toBe(Math.floor(KILLS / 7));
      // A stream without errors, labels and garbage would prove less than it says.
      for (const kind of ['events', 'errors', 'labels', 'deadLetters']) {
        expect(verdict.truth[kind]).toBeGreaterThan(100);
      }
    },
    LIMIT_MS + 30_000,
  );
});

function prove(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'test/exactly-once/main.mjs'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const late = setTimeout(() => child.kill('SIGTERM'), LIMIT_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-8_000);
        process.stdout.write(text); // minutes without a word would look like a hang
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(late);
      done({ code, output });
    });
  });
}
