import { binOf, PREDICTION_FEATURE } from './feature-profile.js';

/** Inner bin edges by feature, of those whose bins are fixed: what the model's first traffic looked like. */
export type ReferenceProfile = ReadonlyMap<string, readonly number[]>;

/** How far a row lies from the reference profile: within its inner fences, between the fences, beyond the outer ones. */
export type DriftBand = 'in' | 'edge' | 'out' | 'none';

/** Tukey's fences, in interquartile ranges beyond the quartiles. */
const INNER_FENCE = 1.5;
const OUTER_FENCE = 3;
/** Scores end here, so that one broken sensor does not make all others look alike. */
const MOST = 10;

/** Classes that have strata of their own; more of them share, so that the number of strata stays bounded. */
const CLASS_STRATA = 256;
/** Strata of a model that answers numbers. */
const VALUE_STRATA = 5;

/**
 * How far a row's features lie from the reference profile: the largest distance of a feature beyond its nearer quartile,
 * in interquartile ranges, 0 for a row whose features all lie between their quartiles, at most 10; null when no feature
 * has a profile yet. Equal-frequency bins give every value of the profile the same probability, so the surprise
 * −log p of a bin would tell nothing about a single row; its distance does.
 *
 * Source: outside and far-out values: Tukey, "Exploratory Data Analysis" (1977). Quartiles are read off the profile's own
 * borders; where it is narrower than a range (a constant feature) its whole width, then its size, takes the place.
 */
export function driftScore(features: Readonly<Record<string, number>>, profile: ReferenceProfile): number | null {
  let score: number | null = null;
  for (const [feature, edges] of profile) {
    const value = features[feature];
    if (value === undefined || feature === PREDICTION_FEATURE || edges.length === 0) continue;
    score = Math.max(score ?? 0, distance(value, edges));
  }
  return score;
}

/** The band of a score. */
export function bandOf(score: number | null): DriftBand {
  if (score === null) return 'none';
  if (score <= INNER_FENCE) return 'in';
  return score <= OUTER_FENCE ? 'edge' : 'out';
}

/**
 * Predicted class (or the fifth of the profile that a predicted number falls into) and drift band: what the sample keeps
 * a balance between.
 */
export function stratumOf(
  event: { readonly prediction: number | null; readonly features: Readonly<Record<string, number>> },
  classes: number | null,
  profile: ReferenceProfile,
): string {
  const band = bandOf(driftScore(event.features, profile));
  return `${answerOf(event.prediction ?? 0, classes, profile.get(PREDICTION_FEATURE))}/${band}`;
}

function answerOf(prediction: number, classes: number | null, edges: readonly number[] | undefined): string {
  if (classes !== null) return String(classes > CLASS_STRATA ? prediction % CLASS_STRATA : prediction);
  if (edges === undefined || edges.length === 0) return 'value';
  return `value${Math.floor((binOf(edges, prediction) * VALUE_STRATA) / (edges.length + 1))}`;
}

function distance(value: number, edges: readonly number[]): number {
  const at = (share: number): number => edges[Math.round((edges.length - 1) * share)] as number;
  const [low, high] = [at(2 / 9), at(7 / 9)];
  const beyond = Math.max(low - value, value - high, 0);
  if (beyond === 0) return 0;
  const width = (edges.at(-1) as number) - (edges[0] as number);
  const range = [high - low, width, Math.abs(low)].find((size) => size > Math.abs(low) * 1e-6) ?? 1;
  return Math.min(MOST, beyond / range);
}
