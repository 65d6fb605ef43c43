import { type Digest, type Evidence, factType } from '../../kernel/index.js';

export const MONITORS = [
  'latency',
  'errors',
  'input-drift',
  'prediction-drift',
  'accuracy',
  'reference-accuracy',
  'fidelity',
  'estimated-accuracy',
  'mean-error',
  'output-distance',
  'cost',
  'coverage',
] as const;
export type MonitorName = (typeof MONITORS)[number];

/** `undecided`: not enough or no trustworthy evidence, which is not the same as calm. */
export type FindingState = 'calm' | 'alarm' | 'undecided';

/** What one monitor states about the version that serves as champion. */
export interface Finding {
  readonly model: string;
  readonly version: Digest;
  readonly monitor: MonitorName;
  readonly state: FindingState;
  /** When it entered this state. */
  readonly since: Date;
  readonly observedAt: Date;
  readonly evidence: readonly Evidence[];
  /** What the monitor promises about alarms without cause, in words with numbers. */
  readonly falseAlarm: string;
  /** One sentence for a person. */
  readonly explanation: string;
  /**
   * When the change is estimated to have begun; null unless alarm. For `accuracy`, `reference-accuracy`, `fidelity`,
   * `estimated-accuracy`, `mean-error` and `output-distance`.
   */
  readonly changeAt: Date | null;
  /** Recent level of the monitored rate and its time-uniform or Wilson bounds; what attribution compares. */
  readonly level: {
    readonly value: number;
    readonly lower: number;
    readonly upper: number;
    readonly samples: number;
  } | null;
}

/** A finding entered another state. */
export const FindingChanged = factType<{
  readonly model: string;
  readonly monitor: MonitorName;
  readonly state: FindingState;
}>('monitors.finding-changed');
