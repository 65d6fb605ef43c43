/** What one scenario came to; every number was measured in this run. */
export interface ScenarioSummary {
  readonly name: string;
  readonly title: string;
  /** True when it only prepared the scenario that was asked for. */
  readonly prelude: boolean;
  readonly ok: boolean;
  /** What was not as described; empty when ok. */
  readonly problems: readonly string[];
  readonly cause: string | null;
  readonly remedy: string | null;
  /** Requests between the change of the traffic and the trigger. */
  readonly requestsToDetection: number | null;
  /** Triggers that it took; more than one when a refused candidate escalated the remedy. */
  readonly triggers: number;
  readonly sizeRatio: number | null;
  /** Reference latency ÷ candidate latency, one thread, interleaved minima. */
  readonly speedup: number | null;
  /** On images that were never served, under the scenario's traffic conditions. */
  readonly accuracy: {
    readonly championBefore: number | null;
    readonly championAfter: number | null;
    readonly referenceAfter: number | null;
  };
  /** Share of right answers that the clients saw. */
  readonly live: { readonly before: number | null; readonly during: number | null; readonly after: number | null };
  readonly traffic: { readonly requests: number; readonly failed: number; readonly unreachable: number };
  readonly seconds: {
    readonly detection: number | null;
    readonly job: number | null;
    readonly evaluation: number | null;
    readonly experiment: number | null;
    readonly rollout: number | null;
    readonly total: number;
  };
  /** How it ended, in the record's words. */
  readonly outcome: string;
  /** API paths of the records. */
  readonly records: readonly string[];
  /** When the control plane was killed on purpose: at which point. */
  readonly killedAt: string | null;
}

export interface DemoSummary {
  readonly schema: 'ratchet.dev/demo-summary/v1';
  readonly ok: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly reference: { readonly testAccuracy: number; readonly sizeBytes: number; readonly cached: boolean };
  readonly scenarios: readonly ScenarioSummary[];
}
