import { type MixtureState, mixtureScore, newMixture, normalised } from './detectors/mixture.js';

/**
 * Mixture Shiryaev–Roberts e-detector of a rise of the mean of values in [0, 1] that come in groups without an order
 * within a group, as the bins of a window do (`detectors/bounded-mean.ts` is the one for single values).
 *
 * For a group of m values: S ← (m + S)·Π L(x) with the bets L(x) = 1 + f·(x/m0 − 1). While the conditional mean of each
 * value stays at or below m0, Π L has conditional mean at most 1, so score − n is a supermartingale in the values n and
 * P(alarm within n values) ≤ n/A, exactly as if they had come one by one; a change can only begin with a group.
 */
const BETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.9] as const;
const WEIGHTS = normalised(BETS.map(() => 1));
/** Logarithm of how far above the threshold a statistic is capped, which cannot raise a false alarm. */
const LOG_CAP = Math.log(1e6);

/** How often each value occurred. */
export interface Group {
  readonly values: readonly number[];
  readonly counts: readonly number[];
  /** Milliseconds since 1970 of its beginning. */
  readonly at: number;
}

/** A detector that has seen nothing. @throws RangeError when A is below 1 */
export function newGroupedMean(threshold: number): MixtureState {
  return newMixture(BETS.length, threshold);
}

/** Weighted mean of the statistics; compare it with the threshold. */
export function groupedMeanScore(state: MixtureState): number {
  return mixtureScore(state, WEIGHTS);
}

/**
 * The detector after a group. `nullMean` may differ from group to group, as long as it does not depend on the group.
 * An alarm ends when Page's test of "back at m0" against the best bet reaches ln A; all then starts again from 0.
 * @throws RangeError when m0 is not within (0, 1)
 */
export function observeGroup(state: MixtureState, group: Group, nullMean: number): MixtureState {
  if (!(nullMean > 0 && nullMean < 1)) throw new RangeError(`m0 must lie within (0, 1), not ${nullMean}`);
  const size = group.counts.reduce((sum, count) => sum + count, 0);
  if (size === 0) return state;
  const logs = BETS.map((bet) => logFactor(group, bet / nullMean, nullMean));
  const cap = Math.log(state.threshold) + LOG_CAP;
  const best = largest(state.w);
  const next: MixtureState = {
    ...state,
    observations: state.observations + size,
    s: state.s.map((s, i) => Math.exp(Math.min(cap, Math.log(size + s) + logs[i]!))),
    w: state.w.map((w, i) => Math.max(0, w + logs[i]!)),
    changeIndex: state.changeIndex.map((index, i) => (state.w[i] === 0 ? state.observations : index)),
    changeAt: state.changeAt.map((at, i) => (state.w[i] === 0 ? group.at : at)),
  };
  if (state.alarm === null)
    return groupedMeanScore(next) < state.threshold
      ? next
      : { ...next, alarm: { observation: next.observations, at: group.at, recovery: 0 } };
  const recovery = Math.max(0, state.alarm.recovery - logs[best]!);
  if (recovery < Math.log(state.threshold)) return { ...next, alarm: { ...state.alarm, recovery } };
  return { ...next, s: next.s.map(() => 0), w: next.w.map(() => 0), alarm: null };
}

function logFactor({ values, counts }: Group, stake: number, nullMean: number): number {
  return counts.reduce(
    (sum, count, i) => sum + (count === 0 ? 0 : count * Math.log1p(stake * (values[i]! - nullMean))),
    0,
  );
}

function largest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
