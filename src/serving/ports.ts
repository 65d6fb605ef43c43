import type { Digest } from '../kernel/index.js';
import type { Answer } from './domain/answer.js';
import type { Route } from './domain/route.js';

/** Wanted routes. */
export abstract class RouteStore {
  abstract find(model: string): Promise<Route | null>;
  abstract list(): Promise<Route[]>;
  /**
   * Writes the wanted route and raises its epoch when anything but `confirmBy` changed. Joins the current unit of work.
   * Stating the same route again is a no-op, so it can be stated on every pass. Returns what is stored.
   */
  abstract state(route: Omit<Route, 'epoch'>): Promise<Route>;
}

/** What the gateways really do. */
export abstract class GatewayStatus {
  /** The lowest epoch that every live gateway (heard of in the last 5 s) has in force; null when none is live. */
  abstract epochInForce(model: string): Promise<number | null>;
}

/** Scores rows with any version, off the request path. */
export abstract class Scorer {
  /**
   * @param inputs rows flattened in row-major order, length = rows × row size
   * @returns one prediction a row: class index and its softmax probability, or the value and null for regression
   * @throws ScoringFailed
   */
  abstract score(
    model: string,
    digest: Digest,
    inputs: Float32Array,
    rows: number,
  ): Promise<{ readonly prediction: number; readonly confidence: number | null }[]>;
}

/** Where answers go. Implemented by telemetry; must return at once and never throw: what it cannot take it counts as shed. */
export abstract class AnswerSink {
  abstract accept(answer: Answer): void;
}
