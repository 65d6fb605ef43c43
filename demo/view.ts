import { isatty } from 'node:tty';
import logUpdate from 'log-update';
import picocolors from 'picocolors';
import { chainLines } from './lines.js';
import { chainOf, type LoopState } from './state.js';

/** Colours are for terminals; a pipe gets plain lines, whatever the environment says about colours. */
const pc = picocolors.createColors(isatty(1) && picocolors.isColorSupported);
const MARK: Record<string, string> = { good: '✔', bad: '✖', busy: '◌' };
const GOOD = new Set(['Resolved', 'Succeeded', 'Accepted', 'Concluded', 'Promoted', 'Ready']);
const BAD = new Set(['Failed', 'Refused', 'RolledBack', 'Aborted', 'Rejected', 'Cancelled']);

/**
 * Tells what happens: on a terminal a tree that changes in place below the lines already told, in a pipe one plain line
 * an event.
 */
export class View {
  private readonly told = new Map<string, string>();
  private readonly live = isatty(1);
  private readonly began = performance.now();

  /** A line that stays. */
  say(text: string): void {
    if (this.live) logUpdate.clear();
    process.stdout.write(`${pc.dim(this.elapsed())} ${text}\n`);
  }

  heading(text: string): void {
    this.say(pc.bold(text));
  }

  /** The state of the scenario's chain; `figures` is one line about the traffic. */
  show(state: LoopState | null, chainId: string | null, figures: string): void {
    if (state === null) {
      this.event('control-plane', 'control plane', 'down', '');
      return;
    }
    this.event('control-plane', 'control plane', 'up', '');
    for (const finding of state.findings)
      this.event(`finding ${finding.monitor}`, `monitor ${finding.monitor}`, finding.state, finding.explanation);
    const decision = state.decisions[0];
    if (decision !== undefined && decision.action !== 'open') {
      this.event('decision', 'decision', decision.action, `${decision.cause}: ${decision.reasons.join(' ')}`);
    }
    const lines = chainId === null ? [] : chainLines(chainOf(state, chainId), state);
    for (const line of lines) this.event(line.name, line.name, line.phase, line.text);
    if (this.live) this.draw(lines, figures);
  }

  done(): void {
    if (this.live) logUpdate.done();
  }

  /** Says a thing once for each phase it is seen in. */
  private event(key: string, name: string, phase: string, text: string): void {
    const before = this.told.get(key);
    if (before === phase) return;
    this.told.set(key, phase);
    if (before === undefined && (phase === 'up' || phase === 'undecided' || phase === 'calm')) return;
    this.say(`${mark(phase)} ${name} ${phase}${text === '' ? '' : ` – ${text}`}`);
  }

  private draw(lines: readonly { name: string; phase: string; text: string }[], figures: string): void {
    const width = process.stdout.columns - 1;
    const tree = lines.map(
      (line, depth) => `${'  '.repeat(depth)}└ ${mark(line.phase)} ${line.name} ${line.phase} ${line.text}`,
    );
    logUpdate([pc.cyan(figures), ...tree].map((line) => line.slice(0, width)).join('\n'));
  }

  private elapsed(): string {
    const seconds = Math.floor((performance.now() - this.began) / 1000);
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

function mark(phase: string): string {
  if (GOOD.has(phase) || phase === 'calm' || phase === 'up') return pc.green(MARK['good'] ?? '');
  if (BAD.has(phase) || phase === 'alarm' || phase === 'down') return pc.red(MARK['bad'] ?? '');
  return pc.yellow(MARK['busy'] ?? '');
}
