import type { Detector } from './detector.js';

/**
 * Page–Hinkley test for a rise or a fall of a mean (Page, Biometrika 1954; with the fading factor and the two directions
 * of River's `drift.PageHinkley`, whose output the tests compare). It promises nothing about false alarms; it stands
 * beside our detectors for comparison. The alarm shows at one observation; the next one starts afresh.
 */
export interface PageHinkleyOptions {
  /** No alarm before so many observations. @default 30 */
  readonly minimumSamples: number;
  /** Deviation from the mean that is none. @default 0.005 */
  readonly delta: number;
  /** @default 50 */
  readonly threshold: number;
  /** Factor by which the sums fade at each observation. @default 0.9999 */
  readonly fading: number;
}

/** Plain data: survives JSON bit for bit. */
export interface PageHinkleyState {
  readonly observations: number;
  readonly mean: number;
  readonly sumUp: number;
  readonly sumDown: number;
  /** null before the first observation, where it would be infinite. */
  readonly leastUp: number | null;
  readonly mostDown: number;
  readonly alarm: boolean;
}

export const PAGE_HINKLEY_DEFAULTS: PageHinkleyOptions = {
  minimumSamples: 30,
  delta: 0.005,
  threshold: 50,
  fading: 1 - 0.0001,
};

const FRESH: PageHinkleyState = {
  observations: 0,
  mean: 0,
  sumUp: 0,
  sumDown: 0,
  leastUp: null,
  mostDown: -1,
  alarm: false,
};

/** A Page–Hinkley detector of changes in both directions. */
export function pageHinkley(options: Partial<PageHinkleyOptions> = {}): Detector<PageHinkleyState, number> {
  const { minimumSamples, delta, threshold, fading } = { ...PAGE_HINKLEY_DEFAULTS, ...options };
  const observe = (before: PageHinkleyState, value: number): PageHinkleyState => {
    const state = before.alarm ? FRESH : before;
    const observations = state.observations + 1;
    const mean = state.mean + (value - state.mean) / observations;
    const deviation = value - mean;
    const sumUp = fading * state.sumUp + deviation - delta;
    const sumDown = fading * state.sumDown + deviation + delta;
    const leastUp = Math.min(state.leastUp ?? Infinity, sumUp);
    const mostDown = Math.max(state.mostDown, sumDown);
    const next = { observations, mean, sumUp, sumDown, leastUp, mostDown, alarm: false };
    return { ...next, alarm: observations >= minimumSamples && score(next) > threshold };
  };
  return {
    name: 'Page–Hinkley',
    threshold,
    start: () => FRESH,
    observe,
    observeAll: (state, batch) => batch.reduce(observe, state),
    alarmed: (state) => state.alarm,
    score,
  };
}

function score({ sumUp, leastUp, mostDown, sumDown }: PageHinkleyState): number {
  return leastUp === null ? 0 : Math.max(sumUp - leastUp, mostDown - sumDown);
}
