import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs the demonstration as a user does, in a process of its own; answers with its exit code and the end of its output. */
export function runDemo(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
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
