import type { Digest } from '../../../kernel/index.js';
import type { ArtifactStore } from '../../../models/index.js';
import { EngineClosed, EngineFailed, EngineOverloaded, EngineTimeout, VersionUnloadable } from '../../domain/errors.js';
import { type EngineOutput, InferenceEngine, type Runnable } from '../../ports.js';
import type { FromWorker } from '../../engine-messages.js';
import { INFERENCE_WORKER, OnnxThread } from './onnx-thread.js';

export interface OnnxEngineOptions {
  readonly threads: number;
  readonly queueLimit: number;
  readonly timeoutMs: number;
  /** Versions that stay loaded although nobody asked to keep them. */
  readonly idleSessions: number;
  readonly onDepth?: (depth: number) => void;
  readonly onRestart?: (reason: string) => void;
  /** Another thread program, for tests. */
  readonly workerUrl?: URL;
}

/** Two, so that a thread need not wait for the way there and back between two runs. */
const RUNS_IN_FLIGHT = 2;
/** A thread whose current run has taken so much of the time that a request may take is hung, when a request runs out of it. */
const HUNG_SHARE = 0.9;
const FIRST_RESTART_MS = 50;
const LAST_RESTART_MS = 5_000;
const CLOSE_GRACE_MS = 2_000;

interface Entry {
  readonly runnable: Runnable;
  readonly ready: Promise<void>;
  pending: number;
  usedAt: number;
}

interface Job {
  readonly id: number;
  readonly runnable: Runnable;
  readonly values: Float32Array;
  readonly rows: number;
  deaths: number;
  settled: boolean;
  resolve(output: EngineOutput): void;
  reject(error: Error): void;
}

/** ONNX Runtime in worker threads behind one bounded queue. Threads start with the first version that is loaded. */
export class OnnxEngine extends InferenceEngine {
  private readonly entries = new Map<Digest, Entry>();
  private readonly threads: (OnnxThread | null)[];
  private readonly restarts: number[];
  private readonly timers = new Set<NodeJS.Timeout>();
  private queue: Job[] = [];
  private kept = new Set<Digest>();
  private started = false;
  private closed = false;
  private nextId = 0;
  private waiting = 0;

  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly options: OnnxEngineOptions,
  ) {
    super();
    this.threads = Array.from({ length: options.threads }, () => null);
    this.restarts = this.threads.map(() => 0);
  }

  async load(version: Runnable): Promise<void> {
    this.kept.add(version.digest);
    await this.entry(version).ready;
  }

  async infer(version: Runnable, values: Float32Array, rows: number): Promise<EngineOutput> {
    if (this.closed) throw new EngineClosed();
    if (this.waiting >= this.options.queueLimit) throw new EngineOverloaded(this.options.queueLimit);
    const entry = this.entry(version);
    entry.pending += 1;
    entry.usedAt = performance.now();
    this.depth(1);
    try {
      return await new Promise<EngineOutput>((resolve, reject) => this.admit({ entry, values, rows, resolve, reject }));
    } finally {
      entry.pending -= 1;
      this.evict();
    }
  }

  keepOnly(digests: ReadonlySet<Digest>): void {
    this.kept = new Set(digests);
    this.evict();
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const job of this.queue.splice(0)) job.reject(new EngineClosed());
    const deadline = performance.now() + CLOSE_GRACE_MS;
    while (this.running().some((thread) => thread.outstandingRuns > 0) && performance.now() < deadline) {
      await new Promise((done) => setTimeout(done, 5));
    }
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.running().map((thread) => thread.terminate()));
  }

  private admit(wanted: {
    entry: Entry;
    values: Float32Array;
    rows: number;
    resolve: Job['resolve'];
    reject: Job['reject'];
  }): void {
    const { runnable, ready } = wanted.entry;
    const timer = setTimeout(() => this.timeOut(job), this.options.timeoutMs);
    const end = (action: () => void): void => {
      if (job.settled) return;
      job.settled = true;
      clearTimeout(timer);
      action();
    };
    const job: Job = {
      id: this.id(),
      runnable,
      values: wanted.values,
      rows: wanted.rows,
      deaths: 0,
      settled: false,
      resolve: (output) => end(() => wanted.resolve(output)),
      reject: (error) => end(() => wanted.reject(error)),
    };
    ready.then(
      () => {
        if (this.closed) job.reject(new EngineClosed());
        this.queue.push(job); // also when it timed out meanwhile: the pump takes settled ones out
        this.pump();
      },
      (error: unknown) => {
        this.depth(-1);
        job.reject(error as Error);
      },
    );
  }

  private pump(): void {
    while (this.queue.length > 0) {
      const thread = this.running().sort((a, b) => a.outstandingRuns - b.outstandingRuns)[0];
      if (thread === undefined || thread.outstandingRuns >= RUNS_IN_FLIGHT) return;
      const job = this.queue.shift()!;
      this.depth(-1);
      if (!job.settled) this.dispatch(thread, job);
    }
  }

  private dispatch(thread: OnnxThread, job: Job): void {
    const { digest, input, output } = job.runnable;
    thread.send({
      id: job.id,
      command: {
        kind: 'run',
        id: job.id,
        digest,
        input: input.name,
        output: output.name,
        shape: [job.rows, ...input.shape.slice(1)],
        values: job.values,
      },
      settle: (message) => {
        if (message.kind === 'answered') job.resolve(message);
        else
          job.reject(
            new EngineFailed(message.kind === 'failed' ? message.message : 'an unexpected message', { digest }),
          );
      },
      died: (guilty) => {
        if (guilty) job.deaths += 1;
        if (job.settled || this.closed) job.reject(new EngineClosed());
        else if (job.deaths > 1) job.reject(new EngineFailed('The runtime died on this request twice.', { digest }));
        else this.requeue(job);
      },
    });
  }

  private requeue(job: Job): void {
    this.depth(1);
    this.queue.unshift(job);
    this.pump();
  }

  private timeOut(job: Job): void {
    job.reject(new EngineTimeout(this.options.timeoutMs));
    for (const thread of this.running())
      if (thread.hasHung(HUNG_SHARE * this.options.timeoutMs)) void thread.terminate();
  }

  private entry(version: Runnable): Entry {
    const known = this.entries.get(version.digest);
    if (known !== undefined) return known;
    const entry: Entry = {
      runnable: version,
      ready: this.loadEverywhere(version),
      pending: 0,
      usedAt: performance.now(),
    };
    this.entries.set(version.digest, entry);
    // Whoever asks next shall try afresh; those who wait for it now get the rejection themselves.
    entry.ready.catch(() => {
      if (this.entries.get(version.digest) === entry) this.entries.delete(version.digest);
    });
    return entry;
  }

  private async loadEverywhere(version: Runnable): Promise<void> {
    if (this.closed) throw new EngineClosed();
    const path = await this.verified(version.digest);
    if (!this.started) this.threads.forEach((_, slot) => this.start(slot));
    this.started = true;
    await Promise.all(this.running().map((thread) => this.loadOn(thread, version, path)));
  }

  private async verified(digest: Digest): Promise<string> {
    try {
      return await this.artifacts.verifiedPath(digest);
    } catch (error) {
      throw new VersionUnloadable(digest, error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  private loadOn(thread: OnnxThread, version: Runnable, path: string): Promise<void> {
    const { digest, input, output } = version;
    return new Promise((resolve, reject) => {
      const id = this.id();
      thread.send({
        id,
        command: { kind: 'load', id, digest, path, input, output },
        settle: (message: FromWorker) => {
          if (message.kind === 'loaded') resolve();
          else
            reject(
              new VersionUnloadable(digest, message.kind === 'failed' ? message.message : 'an unexpected message'),
            );
        },
        died: (guilty, reason) => {
          if (this.closed) reject(new EngineClosed());
          else if (guilty) reject(new VersionUnloadable(digest, `the runtime died while loading it: ${reason}`));
          else resolve(); // another call killed the thread; its successor loads this version before it takes requests
        },
      });
    });
  }

  private start(slot: number): OnnxThread {
    const url = this.options.workerUrl ?? INFERENCE_WORKER;
    const thread: OnnxThread = new OnnxThread(
      url,
      () => this.answered(slot),
      (reason) => this.replace(slot, reason),
    );
    this.threads[slot] = thread;
    return thread;
  }

  private answered(slot: number): void {
    this.restarts[slot] = 0;
    this.pump();
  }

  private replace(slot: number, reason: string): void {
    this.threads[slot] = null;
    if (this.closed) return;
    this.options.onRestart?.(reason);
    const delay = Math.min(FIRST_RESTART_MS * 2 ** this.restarts[slot]!, LAST_RESTART_MS);
    this.restarts[slot]! += 1;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void this.revive(slot);
    }, delay);
    this.timers.add(timer);
  }

  /** A new thread that has everything loaded before the first request reaches it. */
  private async revive(slot: number): Promise<void> {
    const paths = new Map<Entry, string | null>();
    const missing = (): Entry[] => [...this.entries.values()].filter((entry) => !paths.has(entry));
    for (let entries = missing(); entries.length > 0; entries = missing()) {
      for (const entry of entries) paths.set(entry, await this.verified(entry.runnable.digest).catch(() => null));
    }
    if (this.closed) return;
    // From here on nothing waits: whatever is loaded later finds this thread among the running ones.
    const thread = this.start(slot);
    for (const [entry, path] of paths) {
      const { digest } = entry.runnable;
      if (this.entries.get(digest) !== entry) continue;
      // One that no longer loads fails its own requests with the reason; the others must go on.
      const forget = (): boolean => this.entries.delete(digest);
      if (path === null) forget();
      else this.loadOn(thread, entry.runnable, path).catch(forget);
    }
    this.pump();
  }

  private evict(): void {
    const idle = [...this.entries.values()]
      .filter((entry) => !this.kept.has(entry.runnable.digest) && entry.pending === 0)
      .sort((a, b) => b.usedAt - a.usedAt);
    for (const { runnable } of idle.slice(this.options.idleSessions)) {
      this.entries.delete(runnable.digest);
      for (const thread of this.running()) thread.release(runnable.digest);
    }
  }

  private running(): OnnxThread[] {
    return this.threads.filter((thread) => thread !== null);
  }

  private depth(change: number): void {
    this.waiting += change;
    this.options.onDepth?.(this.waiting);
  }

  private id(): number {
    this.nextId += 1;
    return this.nextId;
  }
}
