import type { Evidence } from '../../kernel/index.js';
import type { GateReading } from './rollout.js';

/** What people may ask of a rollout that is on its way. */
export const ROLLOUT_VERBS = ['start', 'pause', 'resume', 'advance', 'approve', 'promote', 'abort'] as const;
export type RolloutVerb = (typeof ROLLOUT_VERBS)[number];

/** What somebody wants of a rollout. Kept apart from its status, so that no running pass can overwrite it. */
export interface RolloutRequest {
  readonly verb: RolloutVerb;
  readonly by: string;
  readonly reason: string;
}

/** What a pass saw before it decides; JSON gives it back unchanged, so that a decision can be repeated from its record. */
export interface RolloutObservation {
  readonly now: Date;
  /** Share that the data plane really gives the candidate, in percent; null when that cannot be seen. */
  readonly actualWeight: number | null;
  /** What the data plane says beside the weight; null or absent = nothing. */
  readonly actualReason?: string | null;
  /** The traffic was taken back because nobody confirmed the weight in time; absent = no. */
  readonly lapsed?: boolean;
  /** One reading for each gate that `gatesToRead` names. */
  readonly readings: readonly GateReading[];
  /** The version that serves as champion now. */
  readonly championNow: string | null;
  readonly request: RolloutRequest | null;
  /** Another rollout that still has the model's or the target's traffic; null or absent = none. */
  readonly blockedBy?: string | null;
}

/**
 * The observation as its record will give it back: JSON has no NaN and no infinity, so a value that is not finite becomes
 * null, and what it was is a warning, which blinds the gate all the same.
 */
export function recordable(seen: RolloutObservation): RolloutObservation {
  return {
    ...seen,
    actualWeight: seen.actualWeight === null || Number.isFinite(seen.actualWeight) ? seen.actualWeight : null,
    readings: seen.readings.map((reading) => {
      const odd = reading.evidence.find(({ value }) => value !== null && !Number.isFinite(value));
      const evidence = reading.evidence.map(finite);
      if (odd === undefined || reading.verdict === 'INVALID') return { ...reading, evidence };
      return { ...reading, evidence, verdict: 'BLIND', reason: `${odd.name}: the value is ${odd.value}` };
    }),
  };
}

function finite(evidence: Evidence): Evidence {
  const { value, samples } = evidence;
  if (value !== null && !Number.isFinite(value))
    return { ...evidence, value: null, warnings: [...evidence.warnings, `the value was ${value}`] };
  return Number.isFinite(samples) ? evidence : { ...evidence, samples: 0 };
}
