import {
  CLASS_FEATURE,
  EMPTY_PROFILE,
  type FeatureProfile,
  growProfile,
  quantileEdges,
  topClasses,
} from './feature-profile.js';
import type { ModelShape } from './model-shape.js';
import type { Tally } from './tally.js';

/** A feature of a model. */
export interface ProfileKey {
  readonly model: string;
  readonly feature: string;
}

/** A profile that a tally's values wait for, or that they changed. */
export interface SettledProfile extends ProfileKey {
  readonly profile: FeatureProfile;
  readonly changed: boolean;
  readonly shape: ModelShape;
}

/** A key as one text; NUL cannot occur in either part. */
export function nameOfProfile({ model, feature }: ProfileKey): string {
  return `${model}\0${feature}`;
}

/** The profiles that values of a tally wait for. */
export function waitingFor(tally: Tally): ProfileKey[] {
  return [...tally.models].flatMap(([model, { waiting }]) =>
    [...waiting.keys()].map((feature) => ({ model, feature })),
  );
}

/** Adds waiting values to their profiles; those whose bins are fixed are counted in their windows. Changes the tally. */
export function settleWaiting(tally: Tally, profiles: ReadonlyMap<string, FeatureProfile>): SettledProfile[] {
  return waitingFor(tally).map((key) => {
    const { model, feature } = key;
    const counted = tally.models.get(model);
    const before = profiles.get(nameOfProfile(key)) ?? EMPTY_PROFILE;
    if (counted === undefined) throw new TypeError(`Nothing is counted of ${model}.`);
    const values = counted.waiting.get(feature) ?? [];
    const edgesOf = feature === CLASS_FEATURE ? topClasses : quantileEdges;
    const { profile, released } = growProfile(before, values, edgesOf);
    counted.waiting.delete(feature);
    if (profile.edges !== null) counted.release(feature, profile.edges, released);
    return { ...key, profile, changed: profile !== before, shape: counted.shape };
  });
}
