import { type Clock, type Digest } from '../kernel/index.js';
import type { ServedCount } from './domain/served.js';
import type { ServedSink } from './ports.js';

/** Windows that are remembered at most; beyond it the oldest are given up, and nobody says what they served. */
const MOST_WINDOWS = 10_000;

interface Cell {
  readonly model: string;
  readonly version: Digest;
  readonly start: number;
  readonly seconds: number;
  requests: number;
  told: number;
}

/**
 * Counts what the gateway answered, apart from telemetry's own way: answers that are shed or lost there are still
 * counted here, which is what coverage is measured against. Costs one look-up a request.
 */
export class ServedCounter {
  private readonly cells = new Map<string, Cell>();
  private last: Cell | null = null;

  constructor(private readonly clock: Clock) {}

  /** Tells the sink what has changed; what it could not take is told again the next time. @throws whatever the sink throws */
  async tell(sink: ServedSink): Promise<void> {
    const counts = this.changed();
    if (counts.length > 0) await sink.report(counts);
    this.confirm(counts);
  }

  count(model: string, version: Digest, at: Date, windowSeconds: number, rows: number): void {
    const size = windowSeconds * 1000;
    const start = Math.floor(at.getTime() / size) * size;
    const { last } = this;
    if (last?.start === start && last.model === model && last.version === version && last.seconds === windowSeconds) {
      last.requests += rows;
      return;
    }
    const key = `${model} ${version} ${start} ${windowSeconds}`;
    const cell = this.cells.get(key) ?? { model, version, start, seconds: windowSeconds, requests: 0, told: 0 };
    cell.requests += rows;
    this.cells.set(key, cell);
    this.last = cell;
    if (this.cells.size > MOST_WINDOWS) this.giveUpOldest();
  }

  /** Counts that have grown since they were last confirmed. */
  changed(): ServedCount[] {
    return [...this.cells.values()]
      .filter(({ requests, told }) => requests > told)
      .map(({ model, version, start, seconds, requests }) => ({
        ...{ model, version, seconds, requests },
        at: new Date(start),
      }));
  }

  /** These counts were taken. Windows that ended more than a window ago and have nothing new are forgotten. */
  confirm(counts: readonly ServedCount[]): void {
    const now = this.clock.now().getTime();
    for (const { model, version, at, seconds, requests } of counts) {
      const cell = this.cells.get(`${model} ${version} ${at.getTime()} ${seconds}`);
      if (cell !== undefined) cell.told = Math.max(cell.told, requests);
    }
    for (const [key, { start, seconds, requests, told }] of this.cells) {
      // A request may still be on its way when its window ends: it counts where it came in.
      if (requests === told && start + (seconds + Math.max(seconds, 300)) * 1000 < now) this.forget(key);
    }
  }

  private giveUpOldest(): void {
    const oldest = [...this.cells].sort(([, a], [, b]) => a.start - b.start).slice(0, MOST_WINDOWS / 10);
    for (const [key] of oldest) this.forget(key);
  }

  private forget(key: string): void {
    if (this.last === this.cells.get(key)) this.last = null;
    this.cells.delete(key);
  }
}
