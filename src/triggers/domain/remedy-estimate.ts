import type { Ladder, LadderCause } from './remedy-ladder.js';
import { type PlannedRemedy, plannedPrior } from './remedy-plan.js';
import { REMEDIES, type RemedyName } from './remedy.js';
import { creditOf, type RemedyOutcome } from './remedy-outcome.js';

/** Outcomes of this model, those of others at a quarter, below which a remedy keeps the place it is written at. */
export const LEAST_OUTCOMES = 3;
/** An outcome counts half after so many days. */
export const HALF_LIFE_DAYS = 90;
/** An outcome on another model counts so much, and all of them together at most as two of one's own. */
export const ELSEWHERE_WEIGHT = 0.25;
const MOST_ELSEWHERE = 2;
/** Beta(2, 1): what nobody tried is expected to succeed two times of three. */
const PRIOR_SUCCESSES = 2;
const PRIOR_FAILURES = 1;
/** Runner seconds of the cheapest remedy as long as nobody measured one. */
const DEFAULT_SECONDS = 60;
/** Each rung is at least so much dearer than the one before it: that is the order in which a ladder is written. */
const STEP = 1.25;
const DAY_MS = 86_400_000;

/** What past outcomes say about one remedy for one cause on one model. */
export interface RemedyEstimate {
  readonly remedy: RemedyName;
  /** Its place on the ladder as it is written. */
  readonly rung: number;
  /** Outcomes on this model, how many of them were promoted, and outcomes on other models. */
  readonly tried: number;
  readonly promoted: number;
  readonly elsewhere: number;
  /** Mean of the Beta posterior of its success; a promotion that closed half of the gap is half a success. */
  readonly success: number;
  /** Runner and GPU seconds that a try is expected to cost. */
  readonly costSeconds: number;
  /** `costSeconds / success`: what the order of remedies is made by. */
  readonly secondsPerSuccess: number;
  /** False while there are too few outcomes: then the figures are the ladder's own. */
  readonly learned: boolean;
  /** Whether the prior is what the model's latest plan expects, instead of the ladder's own. */
  readonly planned: boolean;
}

/**
 * Estimates every remedy of a ladder. Pure.
 *
 * Success: Beta posterior, prior Beta(2, 1), each outcome weighing 0.5^(age / 90 days), those of other models a quarter
 * of that and together at most two. Cost: weighted mean of what tries cost, the prior counting as one try. The prior cost
 * rises from rung to rung, in units that the measured costs set, so that without outcomes the order by expected cost of a
 * success is the ladder as it is written. A remedy with fewer than three outcomes (others' at a quarter) is not learned:
 * it keeps exactly its prior. `plan`, the model's latest one, replaces the prior of the remedies that it speaks of, in
 * seconds and in success: what cannot be done, or cannot help, comes later than the ladder has it.
 */
export function estimateRemedies(
  cause: LadderCause,
  model: string,
  ladder: Pick<Ladder, 'remedies'>,
  outcomes: readonly RemedyOutcome[],
  now: Date,
  plan: readonly PlannedRemedy[] = [],
): RemedyEstimate[] {
  const units = costUnits(ladder.remedies);
  const tallies = ladder.remedies.map((remedy) =>
    tallyOf(
      outcomes.filter((outcome) => outcome.cause === cause && outcome.remedy === remedy),
      model,
      now,
    ),
  );
  const scale = secondsPerUnit(tallies, units);
  return ladder.remedies.map((remedy, rung) => {
    const tally = tallies[rung]!;
    const planned = plannedPrior(remedy, cause, plan);
    const { successes, failures } = planned ?? { successes: PRIOR_SUCCESSES, failures: PRIOR_FAILURES };
    const priorCost = planned?.seconds ?? scale * units[rung]!;
    const known = tally.learned ? tally : NOTHING_KNOWN;
    const success = (successes + known.successes) / (successes + failures + known.weight);
    const costSeconds = (priorCost + known.cost) / (1 + known.weight);
    return {
      ...{ remedy, rung, tried: tally.tried, promoted: tally.promoted, elsewhere: tally.elsewhere },
      ...{ success, costSeconds, secondsPerSuccess: costSeconds / success, learned: tally.learned },
      planned: planned !== null,
    };
  });
}

/** By expected cost of a success; equals stay as they are written. */
export function byExpectedCost(estimates: readonly RemedyEstimate[]): RemedyEstimate[] {
  return [...estimates].sort((a, b) => a.secondsPerSuccess - b.secondsPerSuccess || a.rung - b.rung);
}

/** One estimate in a sentence with its figures. */
export function inWords(estimate: RemedyEstimate, cause: LadderCause, model: string): string {
  const { remedy, tried, promoted, elsewhere, learned, planned, success, costSeconds, secondsPerSuccess } = estimate;
  const here = `${remedy}: tried ${times(tried)} for ${cause} on ${model}${tried === 0 ? '' : `, ${promoted} promoted`}`;
  const others = elsewhere === 0 ? '' : `, ${times(elsewhere)} on other models`;
  const expected = `${(success * 100).toFixed(0)} % success and ${seconds(costSeconds)} expected, so ${seconds(secondsPerSuccess)} a success`;
  if (!learned && planned) return `${here}${others}; too few to learn from. By the latest plan ${expected}.`;
  if (!learned) return `${here}${others}; too few to learn from, so it keeps its place on the ladder.`;
  return `${here}${others}; ${expected}.`;
}

interface Tally {
  readonly tried: number;
  readonly promoted: number;
  readonly elsewhere: number;
  readonly learned: boolean;
  /** Sums over weighted outcomes. */
  readonly weight: number;
  readonly successes: number;
  readonly cost: number;
}

const NOTHING_KNOWN = { weight: 0, successes: 0, cost: 0 };

function tallyOf(outcomes: readonly RemedyOutcome[], model: string, now: Date): Tally {
  const own = outcomes.filter((outcome) => outcome.model === model);
  const others = outcomes.filter((outcome) => outcome.model !== model);
  const age = ({ at }: RemedyOutcome): number => Math.max(0, now.getTime() - at.getTime()) / DAY_MS;
  const fresh = (outcome: RemedyOutcome): number => 0.5 ** (age(outcome) / HALF_LIFE_DAYS);
  const othersWeight = others.reduce((sum, outcome) => sum + ELSEWHERE_WEIGHT * fresh(outcome), 0);
  const shrink = othersWeight > MOST_ELSEWHERE ? MOST_ELSEWHERE / othersWeight : 1;
  const weighted = [
    ...own.map((outcome) => ({ outcome, weight: fresh(outcome) })),
    ...others.map((outcome) => ({ outcome, weight: ELSEWHERE_WEIGHT * fresh(outcome) * shrink })),
  ];
  return {
    tried: own.length,
    promoted: own.filter(({ outcome }) => outcome === 'promoted').length,
    elsewhere: others.length,
    learned: own.length + ELSEWHERE_WEIGHT * others.length >= LEAST_OUTCOMES,
    weight: weighted.reduce((sum, { weight }) => sum + weight, 0),
    successes: weighted.reduce((sum, { outcome, weight }) => sum + weight * creditOf(outcome), 0),
    cost: weighted.reduce((sum, { outcome, weight }) => sum + weight * spentOn(outcome), 0),
  };
}

/** A try that ended before a runner began still took somebody's time: a second. */
function spentOn({ runnerSeconds, gpuSeconds }: RemedyOutcome): number {
  return Math.max(1, runnerSeconds + gpuSeconds);
}

function costUnits(remedies: readonly RemedyName[]): number[] {
  return remedies.reduce<number[]>((units, name) => {
    const before = units.at(-1);
    return [...units, Math.max(REMEDIES[name].relativeCost, before === undefined ? 0 : before * STEP)];
  }, []);
}

/** Runner seconds that a unit of cost has been, as the remedies with enough outcomes show (geometric mean). */
function secondsPerUnit(tallies: readonly Tally[], units: readonly number[]): number {
  const known = tallies.flatMap((tally, rung) =>
    tally.learned && tally.weight > 0
      ? [{ weight: tally.weight, log: Math.log(tally.cost / tally.weight / units[rung]!) }]
      : [],
  );
  const weight = known.reduce((sum, each) => sum + each.weight, 0);
  if (weight === 0) return DEFAULT_SECONDS;
  return Math.exp(known.reduce((sum, each) => sum + each.weight * each.log, 0) / weight);
}

function times(count: number): string {
  return count === 0 ? 'never' : count === 1 ? 'once' : `${count} times`;
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}
