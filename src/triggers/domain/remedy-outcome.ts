import type { RemedyName } from './remedy.js';
import type { AchievedFigures, Cause, TriggerOutcome } from './trigger.js';

/** How one remedy for one cause ended, with what it cost and what came of it. */
export interface RemedyOutcome {
  readonly trigger: string;
  readonly model: string;
  readonly cause: Cause;
  readonly remedy: RemedyName;
  /** One that a person cancelled says nothing about the remedy and is not kept. */
  readonly outcome: Exclude<TriggerOutcome, 'cancelled'>;
  readonly at: Date;
  readonly runnerSeconds: number;
  readonly gpuSeconds: number;
  readonly figures: AchievedFigures | null;
}

/** A promoted remedy counts at least so much, however little it gained. */
const LEAST_CREDIT = 0.25;
/** A gap smaller than this cannot be told from none. */
const LEAST_GAP = 0.002;

/**
 * How much of what was wanted a remedy brought, 0..1: nothing unless it was promoted. For compression damage it is the
 * share of the gap to the reference that was closed (accuracy, or agreement without labels); for a changed world whether
 * accuracy rose; otherwise a promotion is all that was wanted, because the objectives are its condition.
 */
export function creditOf(outcome: Pick<RemedyOutcome, 'cause' | 'outcome' | 'figures'>): number {
  const { cause, figures } = outcome;
  if (outcome.outcome !== 'promoted') return 0;
  if (figures === null) return 1;
  const { accuracy, agreement } = figures;
  if (cause === 'compression-damage') {
    const [before, after, goal] =
      accuracy !== null && accuracy.reference - accuracy.champion > LEAST_GAP
        ? [accuracy.champion, accuracy.candidate, accuracy.reference]
        : [agreement.champion, agreement.candidate, 1];
    return goal - before <= LEAST_GAP ? 1 : within((after - before) / (goal - before));
  }
  if (cause === 'world-changed' && accuracy !== null) return accuracy.candidate > accuracy.champion ? 1 : LEAST_CREDIT;
  return 1;
}

function within(credit: number): number {
  return Math.min(1, Math.max(LEAST_CREDIT, credit));
}
