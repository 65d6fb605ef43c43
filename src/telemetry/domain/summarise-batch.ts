import { type WindowKey, WindowAccumulator } from './accumulate-window.js';
import type { AdmittedEvent, ModelView } from './admit.js';
import {
  EMPTY_PROFILE,
  type FeatureProfile,
  type PendingValue,
  PREDICTION_FEATURE,
  binOf,
  growProfile,
} from './feature-profile.js';
import type { Window } from './window.js';

/** What one batch of one model's new events adds: parts of windows, and the profiles that changed. */
export interface BatchSummary {
  readonly windows: readonly Window[];
  /** Only profiles that differ from those given. */
  readonly profiles: ReadonlyMap<string, FeatureProfile>;
}

/** The window engine: pure, and the same for events of every way in. */
export function summariseBatch(
  view: ModelView,
  events: readonly AdmittedEvent[],
  profiles: ReadonlyMap<string, FeatureProfile>,
): BatchSummary {
  const windows = new Map<string, WindowAccumulator>();
  const values = new Map<string, PendingValue[]>();
  let last: { readonly key: WindowKey; readonly window: WindowAccumulator } | null = null;
  const windowOf = (key: WindowKey): WindowAccumulator => {
    // Most events follow one of the same window; naming a window costs more than counting in it.
    if (last !== null && isSame(last.key, key)) return last.window;
    const name = `${key.version} ${key.start} ${key.seconds}`;
    const known = windows.get(name) ?? new WindowAccumulator(view.name, key);
    windows.set(name, known);
    last = { key, window: known };
    return known;
  };

  for (const admitted of events) {
    const { event } = admitted;
    const key = { version: event.version, start: admitted.windowStart.getTime(), seconds: admitted.windowSeconds };
    const window = windowOf(key);
    window.add(admitted, view.classes !== null);
    for (const feature of view.features) {
      const value = event.features[feature];
      if (value === undefined) continue;
      window.addMoment(feature, value);
      push(values, feature, value, key);
    }
    if (view.classes === null && event.prediction !== null) {
      window.addMoment(PREDICTION_FEATURE, event.prediction);
      push(values, PREDICTION_FEATURE, event.prediction, key);
    }
  }

  const changed = new Map<string, FeatureProfile>();
  for (const [feature, batch] of values) {
    const before = profiles.get(feature) ?? EMPTY_PROFILE;
    const { profile, released } = growProfile(before, batch);
    if (profile !== before) changed.set(feature, profile);
    if (profile.edges === null) continue;
    for (const waiting of released) {
      if (feature === PREDICTION_FEATURE) windowOf(waiting).addPrediction(String(binOf(profile.edges, waiting.value)));
      else windowOf(waiting).addFeature(feature, profile.edges, waiting.value);
    }
  }
  return { windows: [...windows.values()].map((window) => window.toWindow()), profiles: changed };
}

function push(values: Map<string, PendingValue[]>, feature: string, value: number, key: WindowKey): void {
  const list = values.get(feature);
  const waiting = { value, version: key.version, start: key.start, seconds: key.seconds };
  if (list === undefined) values.set(feature, [waiting]);
  else list.push(waiting);
}

function isSame(a: WindowKey, b: WindowKey): boolean {
  return a.start === b.start && a.seconds === b.seconds && a.version === b.version;
}
