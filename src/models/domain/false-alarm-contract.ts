import type { MonitorPolicy } from './model.js';

/** What one false alarm every so many answers is when nobody says. */
const DEFAULT_EVERY = 100_000;
/** Below this nothing is promised that is worth the name. */
const LEAST_EVERY = 100;

/**
 * Monitors whose alarm alone may open a trigger while nothing has changed: accuracy, fidelity, latency and cost. Alarms of
 * the others only add to what these say, or ask for more evidence.
 */
export const ALARMING_MONITORS = 4;

/**
 * A, the threshold of every monitor, in answers.
 *
 * A monitor raises at most n/A false alarms in expectation within n observations, alarms after a recovery included: its
 * score grows by at most one an observation on average, and each alarm uses up A of it. No monitor sees more observations
 * than answers were served: an answer has at most one label and is re-scored at most once. So over all alarming monitors
 * there are at most `ALARMING_MONITORS`·n/A within n answers, whatever their dependence (expectations add up), and with
 * `contract` that must not exceed `most` within n = days · answersPerDay answers: A = n · ALARMING_MONITORS / most.
 *
 * A monitor that sees only a share of the answers (labels for 2 %, a sample re-scored) raises only that share of what it
 * may. The rest is not given to it, because the share is known only afterwards and may rise. More answers than
 * `answersPerDay` use up the contract sooner, in proportion.
 */
export function falseAlarmEvery(policy: {
  readonly falseAlarmEvery?: number | undefined;
  readonly contract: MonitorPolicy['contract'];
}): number {
  const { contract } = policy;
  if (contract === null) return policy.falseAlarmEvery ?? DEFAULT_EVERY;
  const answers = contract.days * contract.answersPerDay;
  return Math.max(LEAST_EVERY, (answers * ALARMING_MONITORS) / contract.most);
}

/**
 * The contract as a sentence for a person, or null without one. Bounded are false alarms in expectation, not retrainings: an
 * alarm that stands may use several rungs of the ladder, one after each cool-down. What is tolerated (p0) is an upper
 * confidence bound where it comes from an evaluation, so there the bound holds with 95 % confidence.
 */
export function contractInWords({ contract }: Pick<MonitorPolicy, 'contract'>): string | null {
  if (contract === null) return null;
  const { most, days, answersPerDay } = contract;
  const answers = answersPerDay.toLocaleString('en-US');
  const bound = `at most ${most} false ${most === 1 ? 'alarm' : 'alarms'} expected in ${days} days at ${answers} answers a day, over all monitors together`;
  return (
    `That keeps the contract: ${bound}; with 95 % confidence where the tolerated rate is estimated from an evaluation. ` +
    `Alarms are bounded, not retrainings: one that stands may start another after each cool-down.`
  );
}
