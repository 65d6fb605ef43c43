import type { Digest } from '../../../kernel/index.js';
import type { PrometheusClient } from '../../../platform/prometheus/index.js';
import type { GateMeasurement } from '../../domain/judge-gate.js';

/** What one measurement needs beside the gate. */
export interface Asking {
  readonly prometheus: PrometheusClient;
  readonly model: string;
  readonly versions: { readonly champion: Digest; readonly candidate: Digest };
  /** The present and the step's beginning by the clock of Prometheus. */
  readonly at: Date;
  readonly since: Date;
  /** A moment there by our clock. */
  readonly ours: (theirs: Date) => Date;
  readonly staleMs: number;
}

/** What came of it; `waits` = why the evidence cannot be judged yet although it can be seen. */
export type Measured = GateMeasurement & { readonly waits: string | null };

/** Thrown when a query gives something that can never be one number. */
export class WrongAnswer extends Error {}
