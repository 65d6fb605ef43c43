import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DemoSummary } from '../../demo/summary.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** How a run of the demonstration ended. */
export interface DemoRun {
  readonly summary: DemoSummary;
  /** What is not as described, with the name of its scenario. */
  readonly problems: readonly string[];
  /** Its exit code and the end of its output where it did not end well, else nothing. */
  readonly tail: string;
}

/** Runs the demonstration as a user does, in a process of its own. @throws Error with its output when it leaves no summary */
export async function runDemo(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<DemoRun> {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-demo-'));
  try {
    const file = join(folder, 'summary.json');
    const { code, output } = await runProgram(['--json', file, ...args], environment);
    if (!existsSync(file)) throw new Error(`The demo ended with ${code} and no summary:\n${output}`);
    const summary = JSON.parse(readFileSync(file, 'utf8')) as DemoSummary;
    const problems = summary.scenarios.flatMap(({ name, problems: found }) => found.map((one) => `${name}: ${one}`));
    return { summary, problems, tail: problems.length > 0 || code !== 0 ? `It ended with ${code}.\n${output}` : '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Its exit code and the end of its output. */
function runProgram(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(ROOT, 'dist/demo/main.js'), ...args], {
      cwd: ROOT,
      env: { ...process.env, ...environment },
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
