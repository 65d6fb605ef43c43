import { writeSync } from 'node:fs';
import { armFailpoints, InvalidInput } from '../kernel/index.js';

/** `exit`: as by SIGKILL, nothing is closed or undone · `error`: the call fails there · `hang`: the process stands still until it is killed. */
const ACTIONS = ['exit', 'error', 'hang'] as const;
type Action = (typeof ACTIONS)[number];

/** What happens at a failpoint, and at which passing of it, counted from 1. */
export interface ArmedFailpoint {
  readonly action: Action;
  readonly nth: number;
}

/** Thrown at a failpoint that is armed with `error`. */
export class FailpointReached extends Error {
  constructor(readonly failpoint: string) {
    super(`The failpoint "${failpoint}" is armed.`);
    this.name = 'FailpointReached';
  }
}

const ENTRY = /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)+:[a-z-]+):([a-z]+)(?:@([1-9]\d*))?$/;

/**
 * Reads `RATCHET_FAILPOINT`: `<name>:exit|error|hang[@n-th]`, several of them comma separated.
 * @throws InvalidInput naming every entry that is none
 */
export function parseFailpoints(text: string): ReadonlyMap<string, ArmedFailpoint> {
  const armed = new Map<string, ArmedFailpoint>();
  const faults: string[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [, name, action, nth] = ENTRY.exec(entry) ?? [];
    if (name === undefined || !ACTIONS.includes(action as Action)) faults.push(entry);
    else armed.set(name, { action: action as Action, nth: Number(nth ?? 1) });
  }
  if (faults.length > 0)
    throw new InvalidInput(
      'RATCHET_FAILPOINT',
      faults.map((entry) => ({
        path: entry,
        message: `must be <name>:${ACTIONS.join('|')}[@n-th], e.g. jobs.admit:after-commit:exit@2`,
      })),
    );
  return armed;
}

/** Arms what the variable names and says so; nothing when it is not set. Only for tests of what a crash leaves behind. */
export function armFromEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const text = env['RATCHET_FAILPOINT'];
  if (text === undefined || text === '') return;
  const armed = parseFailpoints(text);
  const passed = new Map<string, number>();
  armFailpoints((name) => {
    const point = armed.get(name);
    if (point === undefined) return;
    const count = (passed.get(name) ?? 0) + 1;
    passed.set(name, count);
    if (count !== point.nth) return;
    // Written at once, because the next line may be the last.
    writeSync(process.stderr.fd, `failpoint ${name}: ${point.action}\n`);
    act(name, point.action);
  });
  writeSync(process.stderr.fd, `${armed.size} failpoints are armed: this process will fail on purpose\n`);
}

function act(name: string, action: Action): void {
  if (action === 'error') throw new FailpointReached(name);
  if (action === 'exit') process.kill(process.pid, 'SIGKILL');
  // Also for `exit`: the signal may take a moment, and nothing must happen in it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
