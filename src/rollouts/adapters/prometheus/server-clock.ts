import type { Clock } from '../../../kernel/index.js';
import type { PrometheusClient } from '../../../platform/prometheus/index.js';

const KEPT_MS = 30_000;

/** What a moment of ours is by the clock that stamps the samples. */
export interface ServerTime {
  readonly now: Date;
  /** The latest that a moment of ours can be there. */
  readonly theirs: (ours: Date) => Date;
  /** The earliest that a moment there can be with us. */
  readonly ours: (theirs: Date) => Date;
}

/**
 * The clock of Prometheus, asked now and then. Clocks of two machines differ, and evidence must be newer than a moment of
 * ours: what is not known of the difference counts against the evidence.
 */
export class ServerClock {
  private known: { readonly at: number; readonly least: number; readonly most: number } | null = null;

  constructor(
    private readonly prometheus: PrometheusClient,
    private readonly clock: Clock,
  ) {}

  /** @throws what `PrometheusClient.query` throws */
  async time(): Promise<ServerTime> {
    const { least, most } = await this.difference();
    return {
      now: new Date(this.clock.now().getTime() + least),
      theirs: (ours) => new Date(ours.getTime() + most),
      ours: (theirs) => new Date(theirs.getTime() - most),
    };
  }

  private async difference(): Promise<{ readonly least: number; readonly most: number }> {
    const asked = this.clock.now().getTime();
    if (this.known !== null && asked - this.known.at < KEPT_MS && asked >= this.known.at) return this.known;
    const { samples } = await this.prometheus.query('time()');
    const answered = this.clock.now().getTime();
    const there = Math.round((samples[0]?.value ?? Number.NaN) * 1000);
    this.known = { at: asked, least: there - answered, most: there - asked };
    return this.known;
  }
}
