import type { Json } from './json.js';
import { type PatchOperation, pointer } from './patch.js';

/** One of the two backends where it stands in a route. */
export interface PlacedBackend {
  /** Path of the backend's object. */
  readonly path: readonly (string | number)[];
  /** The whole object as it was read. */
  readonly value: Json;
  /** Its weight, with the default of the route's kind where none is written. */
  readonly weight: number;
  /** False where the weight is the default. */
  readonly isWritten: boolean;
}

/** The two backends of a rollout in one rule of a route. */
export interface Pair {
  /** Name of the rule for people. */
  readonly rule: string;
  readonly stable: PlacedBackend;
  readonly candidate: PlacedBackend;
  /** Sum of the weights of all other backends of the rule. */
  readonly others: number;
  /** What must still be so for the place to mean the same, beside the two backends themselves. */
  readonly tests: readonly PatchOperation[];
}

/** The sum that the two weights get where no other backend shares the rule. */
const SUM = 100;

/**
 * The two weights that give the candidate `percent` of the pair's requests. Beside other backends the pair's sum stays, so
 * that their share stays too; then not every percentage is a whole number, and the text says so.
 */
export function weightsFor(pair: Pair, percent: number): { stable: number; candidate: number } | string {
  const own = pair.stable.weight + pair.candidate.weight;
  const sum = pair.others > 0 ? own : SUM;
  if (sum === 0 && percent > 0)
    return `In ${pair.rule} neither of the two backends has any weight beside the others; give the stable one a weight.`;
  const candidate = (sum * percent) / 100;
  if (!Number.isInteger(candidate))
    return (
      `In ${pair.rule} other backends have weights too, and ${percent} % of the pair's weight ${sum} is no whole number; ` +
      `multiply all weights of the rule by ${100 / gcd(100, sum)}.`
    );
  return { stable: sum - candidate, candidate };
}

/** Changes the weights of the pair and nothing else, only where both backends are still what was read. */
export function weightOperations(
  pair: Pair,
  wanted: { readonly stable: number; readonly candidate: number },
): PatchOperation[] {
  const tests = [pair.stable, pair.candidate].map(({ path, value }): PatchOperation => ({
    op: 'test',
    path: pointer(...path),
    value,
  }));
  const change = ({ path, weight, isWritten }: PlacedBackend, to: number): PatchOperation[] =>
    weight === to && isWritten ? [] : [{ op: 'add', path: pointer(...path, 'weight'), value: to }];
  return [...pair.tests, ...tests, ...change(pair.stable, wanted.stable), ...change(pair.candidate, wanted.candidate)];
}

/** True when the weights are written as wanted already. */
export function hasWeights(pair: Pair, wanted: { readonly stable: number; readonly candidate: number }): boolean {
  return pair.stable.weight === wanted.stable && pair.candidate.weight === wanted.candidate;
}

/** The candidate's share of the pair's requests, in percent; null when neither gets any. */
export function percentOf(pair: Pair): number | null {
  const sum = pair.stable.weight + pair.candidate.weight;
  return sum === 0 ? null : (pair.candidate.weight * 100) / sum;
}

/** What the pairs of a route say together: one percentage, or why there is none. */
export function sharedPercent(pairs: readonly Pair[]): { percent: number | null; reason: string | null } {
  const shares = pairs.map((pair) => ({ pair, percent: percentOf(pair) }));
  const [first] = shares;
  if (first === undefined) return { percent: null, reason: 'No rule of the route has both backends.' };
  const empty = shares.find(({ percent }) => percent === null);
  if (empty !== undefined)
    return { percent: null, reason: `In ${empty.pair.rule} both backends have the weight 0: they get no request.` };
  if (shares.some(({ percent }) => percent !== first.percent))
    return {
      percent: null,
      reason: `The rules disagree: ${shares.map(({ pair, percent }) => `${pair.rule} gives ${round(percent!)} %`).join(', ')}.`,
    };
  const beside = shares.find(({ pair }) => pair.others > 0);
  return { percent: first.percent, reason: beside === undefined ? null : besideOthers(beside.pair) };
}

function besideOthers(pair: Pair): string {
  const all = pair.stable.weight + pair.candidate.weight + pair.others;
  const [candidate, others] = [(pair.candidate.weight * 100) / all, (pair.others * 100) / all];
  return `Other backends of ${pair.rule} take ${round(others)} % of its requests; the candidate gets ${round(candidate)} % of all.`;
}

function round(percent: number): number {
  return Math.round(percent * 100) / 100;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
