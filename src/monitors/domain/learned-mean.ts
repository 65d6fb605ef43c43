/**
 * What the mean of values in [0, 1] is at most, learned from the first of them: an upper confidence bound by betting.
 *
 * For each candidate mean m of a grid a gambler bets that the values lie below it: wealth K(m) ← K(m)·(1 + λ·(m − x)) with
 * 0 ≤ λ < 1/(1 − m) chosen from the past. While the true mean is at least m that is a non-negative supermartingale, so
 * P(K(mean) ever reaches 1/α) ≤ α (Ville), and with probability 1 − α the smallest m whose wealth reached 1/α lies above
 * the true mean. Source: Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024,
 * section 4; λ is their predictable plug-in. It is far narrower than Hoeffding's or an empirical Bernstein bound.
 */
const STEPS = 200;
/** A share of the largest stake, so that no single value can ruin the gambler. */
const CAUTION = 0.75;
const MOST_WEALTH = 1e100;

/** Plain data: survives JSON bit for bit. */
export interface LearnedMean {
  readonly samples: number;
  readonly sum: number;
  readonly squares: number;
  /** The wealth at m = (i + 1)/200, cut far above every bound that is asked for. */
  readonly wealth: readonly number[];
  /** The largest that each of them ever was: a bound may be used from whenever it held. */
  readonly most: readonly number[];
}

export const NEW_LEARNED_MEAN: LearnedMean = {
  samples: 0,
  sum: 0,
  squares: 0,
  wealth: new Array<number>(STEPS).fill(1),
  most: new Array<number>(STEPS).fill(1),
};

/** Adds one value of [0, 1]. `planned` = how many there will be: it only decides how boldly one bets. */
export function learnValue(learned: LearnedMean, value: number, planned: number, miss: number): LearnedMean {
  const mean = (learned.sum + 0.5) / (learned.samples + 1);
  const variance = (learned.squares + 0.25) / (learned.samples + 1);
  const stake = Math.sqrt((2 * Math.log(1 / miss)) / (Math.max(1, planned) * variance));
  const wealth = [...learned.wealth];
  const most = [...learned.most];
  for (let i = 0; i < STEPS; i += 1) {
    const m = (i + 1) / STEPS;
    const largest = m < 1 ? CAUTION / (1 - m) : Infinity;
    const grown = wealth[i]! * (1 + (stake < largest ? stake : largest) * (m - value));
    wealth[i] = grown < MOST_WEALTH ? grown : MOST_WEALTH;
    if (wealth[i]! > most[i]!) most[i] = wealth[i]!;
  }
  return {
    samples: learned.samples + 1,
    sum: learned.sum + value,
    squares: learned.squares + (value - mean) ** 2,
    wealth,
    most,
  };
}

/** Mean of the values; null without any. */
export function learnedAverage({ samples, sum }: LearnedMean): number | null {
  return samples === 0 ? null : sum / samples;
}

/** Lies below the true mean with probability at most `miss`; 1 while little is known. */
export function learnedUpperBound({ most }: LearnedMean, miss: number): number {
  const step = most.findIndex((wealth) => wealth >= 1 / miss);
  return step < 0 ? 1 : (step + 1) / STEPS;
}
