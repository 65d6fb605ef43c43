import type { LadderCause } from './remedy-ladder.js';
import { REMEDIES, type RemedyName } from './remedy.js';

/** What a runner expected of one alternative of its catalogue, for the model at hand; nothing of it was measured. */
export interface PlannedRemedy {
  /** Its name in the runner's catalogue. */
  readonly name: string;
  /** Why it cannot be done with this model, its data or the machine; empty where it can. */
  readonly objections: readonly string[];
  readonly seconds: number;
  /** Candidate / reference. */
  readonly sizeRatio: number;
  readonly latencyRatio: number;
}

/** What is expected of a remedy before it was ever tried for a model. */
export interface PlannedPrior {
  readonly seconds: number;
  /** Beta prior of its success. */
  readonly successes: number;
  readonly failures: number;
}

/** Reading data, measuring candidates and the final evaluation come on top of an alternative's own steps. */
const AROUND_SECONDS = 15;
/** Success is expected two times of three where nothing speaks against it, as without a plan. */
const LIKELY = { successes: 2, failures: 1 };
/** The tables say that it does not get faster, and that is what is wanted: as few successes as failures were expected. */
const DOUBTFUL = { successes: 1, failures: 2 };
/** The plan knows a reason why not. A plan may be older than what it speaks of, so it is not impossible. */
const UNLIKELY = { successes: 0.1, failures: 1.9 };

/** The prior that a model's latest plan gives for a remedy; null where the plan says nothing of it. Pure. */
export function plannedPrior(
  remedy: RemedyName,
  cause: LadderCause,
  plan: readonly PlannedRemedy[],
): PlannedPrior | null {
  const planned = plan.find(({ name }) => name === REMEDIES[remedy].plannedAs);
  if (planned === undefined) return null;
  const seconds = AROUND_SECONDS + planned.seconds;
  if (planned.objections.length > 0) return { seconds, ...UNLIKELY };
  return { seconds, ...(cause === 'latency' && planned.latencyRatio >= 1 ? DOUBTFUL : LIKELY) };
}
