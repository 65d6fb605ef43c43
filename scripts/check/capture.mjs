import { spawn } from 'node:child_process';
import { ROOT } from '../setup/places.mjs';

const MOST = 60_000;

/** Runs a program and keeps the beginning of what it says, in order. */
export function capture(command, args, { cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let cut = 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        const room = Math.max(0, MOST - output.length);
        output += text.slice(0, room);
        cut += Math.max(0, text.length - room);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${command} could not be started: ${error.message}` }));
    child.on('close', (code) =>
      resolve({ code: code ?? 1, output: `${output.trimEnd()}${cut > 0 ? `\n(${cut} characters more)` : ''}\n` }),
    );
  });
}
