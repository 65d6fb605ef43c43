import { Worker } from 'node:worker_threads';
import type { FromWorker, RunCommand, ToWorker } from '../../engine-messages.js';

/** Compiled beside this file, or the source itself, which Node can run because it only has types to strip. */
export const INFERENCE_WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './inference.worker.ts' : './inference.worker.js',
  import.meta.url,
);

/** What a thread was asked and has not answered yet. */
export interface Call {
  readonly id: number;
  readonly command: Exclude<ToWorker, { kind: 'release' }>;
  settle(message: FromWorker): void;
  /** The thread died; `guilty` when it was working on this very call. */
  died(guilty: boolean, reason: string): void;
}

/** One worker thread with the calls it owes answers to, in the order it works on them. */
export class OnnxThread {
  private readonly worker: Worker;
  private readonly calls = new Map<number, Call>();
  private headSince = performance.now();
  private alive = true;

  constructor(url: URL, onReply: () => void, onDeath: (reason: string) => void) {
    this.worker = new Worker(url, { execArgv: ['--disable-warning=ExperimentalWarning'] });
    let reason = 'it exited';
    this.worker.on('message', (message: FromWorker) => {
      const call = this.calls.get(message.id);
      this.calls.delete(message.id);
      this.headSince = performance.now();
      call?.settle(message);
      onReply();
    });
    this.worker.on('error', (error) => (reason = error instanceof Error ? error.message : String(error)));
    this.worker.on('exit', () => {
      this.alive = false;
      const owed = [...this.calls.values()];
      this.calls.clear();
      onDeath(reason);
      owed.reverse().forEach((call, i) => call.died(i === owed.length - 1, reason));
    });
  }

  get outstandingRuns(): number {
    let runs = 0;
    for (const call of this.calls.values()) if (call.command.kind === 'run') runs += 1;
    return runs;
  }

  /** True when the thread has been working on one run for so long; a load may take its time. */
  hasHung(afterMs: number): boolean {
    const head = this.calls.values().next().value;
    return this.alive && head?.command.kind === 'run' && performance.now() - this.headSince >= afterMs;
  }

  send(call: Call): void {
    if (this.calls.size === 0) this.headSince = performance.now();
    this.calls.set(call.id, call);
    this.worker.postMessage(ownBuffer(call.command));
  }

  release(digest: string): void {
    this.worker.postMessage({ kind: 'release', digest } satisfies ToWorker);
  }

  /** Ends it; what it still owes is told to have died with it. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }
}

/** A view is cloned with the whole buffer behind it, so a row of a batch must be cut out first. */
function ownBuffer(command: Call['command']): Call['command'] {
  if (command.kind !== 'run' || command.values.byteLength === command.values.buffer.byteLength) return command;
  return { ...command, values: command.values.slice() } satisfies RunCommand;
}
