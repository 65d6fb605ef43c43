import type { Window } from '../../src/telemetry/index.js';
import { LatencySketch } from '../../src/telemetry/index.js';
import type { Condition, Pool, Scored } from './pool.js';

const CONFIDENCE_BINS = 20;
/** Spread of the latencies' logarithm. */
const SIGMA = 0.35;
/** Standard normal quantile of 0.95: where the p95 of a log-normal lies. */
const Z_P95 = 1.644_853_626_951_472;

/** One answered request. */
export interface Answer {
  readonly at: number;
  readonly label: number;
  readonly champion: number;
  readonly reference: number;
  readonly confidence: number;
}

/** How the traffic of an interval looks. */
export interface Weather {
  readonly condition: Condition;
  /** Share of the labels that mean something else now: the inputs are the same, the truth is another. */
  readonly relabelled: number;
  readonly latencyP95Ms: number;
}

/** Draws requests from a pool and counts them as telemetry does; everything random comes from `random`. */
export class Traffic {
  constructor(
    private readonly pool: Pool,
    private readonly referenceServes: boolean,
    private readonly windowSeconds: number,
    private readonly random: () => number,
  ) {}

  /** The window that begins at `start` (milliseconds) with so many requests, and its answers. */
  window(start: number, requests: number, weather: Weather): { readonly window: Window; readonly answers: Answer[] } {
    const rows = this.pool.conditions[weather.condition];
    const latency = new LatencySketch();
    const median = weather.latencyP95Ms / Math.exp(SIGMA * Z_P95);
    const counts = this.pool.edges.map((edges) => new Array<number>(edges.length + 1).fill(0));
    const predictions: Record<string, number> = {};
    const confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
    const answers: Answer[] = [];
    for (let n = 0; n < requests; n += 1) {
      const row = Math.floor(this.random() * this.pool.rows);
      const answer = this.answer(rows, row, start + ((n + 0.5) * this.windowSeconds * 1000) / requests, weather);
      answers.push(answer);
      latency.add(median * Math.exp(SIGMA * this.normal()));
      counts.forEach((bins, feature) => {
        const bin = rows.bins[row * counts.length + feature] ?? 0;
        bins[bin] = (bins[bin] ?? 0) + 1;
      });
      predictions[answer.champion] = (predictions[answer.champion] ?? 0) + 1;
      const bin = Math.min(CONFIDENCE_BINS - 1, Math.floor(answer.confidence * CONFIDENCE_BINS));
      confidence[bin] = (confidence[bin] ?? 0) + 1;
    }
    const features = Object.fromEntries(
      this.pool.features.map((name, at) => [name, { edges: this.pool.edges[at] ?? [], counts: counts[at] ?? [] }]),
    );
    const window: Window = {
      ...{ model: this.pool.model, version: this.referenceServes ? this.pool.reference : this.pool.champion },
      ...{ start: new Date(start), seconds: this.windowSeconds, requests, errors: 0, latency: latency.toBytes() },
      ...{ features, predictions, confidence, moments: {}, labelled: 0, correct: 0, compared: 0, agreed: 0 },
      ...{ served: requests, newestAt: new Date(answers.at(-1)?.at ?? start) },
    };
    return { window, answers };
  }

  private answer(rows: Scored, row: number, at: number, { relabelled }: Weather): Answer {
    const truth = rows.labels[row] ?? 0;
    const label = relabelled > 0 && this.random() < relabelled ? (truth + 1) % this.pool.classes : truth;
    const reference = rows.reference[row] ?? 0;
    const champion = this.referenceServes ? reference : (rows.champion[row] ?? 0);
    return { at, label, champion, reference, confidence: rows.confidence[row] ?? 0 };
  }

  /** Box–Muller. */
  private normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
  }
}
