import { spawn } from 'node:child_process';
import { diesWithParent } from '../../scripts/kafka/dies-with-parent.mjs';
import { ROOT } from '../../scripts/setup/places.mjs';

const START_MS = 90_000;
const KEPT_LINES = 12;

/** An operating-system process of the proof, with the end of what it said. */
export class Program {
  #child;
  #lines = [];
  #listeners = new Set();
  url = null;
  hasEnded = false;

  constructor(name, args, env) {
    this.name = name;
    const [command, prefix] = diesWithParent(process.execPath);
    this.#child = spawn(command, [...prefix, '--disable-warning=TimeoutNegativeWarning', ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.hasEnded = true;
        this.#say('');
        resolve(signal ?? code);
      });
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) this.#read(stream);
  }

  get pid() {
    return this.#child.pid;
  }

  signal(signal) {
    this.#child.kill(signal);
  }

  /** Resolves when it has said this. */
  async said(text) {
    const deadline = setTimeout(() => this.#say(''), START_MS);
    const began = Date.now();
    try {
      await new Promise((resolve, reject) => {
        const look = () => {
          if (this.#lines.some((line) => line.includes(text))) resolve();
          else if (this.hasEnded) reject(new Error(`${this.name} ended: ${this.#lines.join('\n')}`));
          else if (Date.now() - began >= START_MS) reject(new Error(`${this.name} did not say "${text}"`));
        };
        this.#listeners.add(look);
        look();
      });
    } finally {
      clearTimeout(deadline);
      this.#listeners.clear();
    }
  }

  async kill() {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.ended;
  }

  lastLines() {
    return this.#lines;
  }

  #read(stream) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.#say(line);
    });
  }

  #say(line) {
    if (line !== '') this.#lines.push(line.slice(0, 600));
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.url ??= /"url":"(http[^"]+)"/.exec(line)?.[1] ?? null;
    for (const look of this.#listeners) look();
  }
}
