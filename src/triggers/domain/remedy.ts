export const RECIPES = ['quantize-static', 'incremental-distillation', 'compress'] as const;
export type RecipeName = (typeof RECIPES)[number];

export const REMEDY_NAMES = [
  'quantize-static',
  'quantize-static/percentile',
  'quantize-static/keep-sensitive',
  'incremental-distillation',
  'incremental-distillation/long',
  'compress',
  'compress/dynamic',
  'compress/static-mixed',
  'compress/quantize-aware',
  'compress/prune-quantize',
  'compress/prune-quantize-distil',
] as const;
/** A recipe with its parameters. A model document's ladders name these; a recipe's own name means its defaults. */
export type RemedyName = (typeof REMEDY_NAMES)[number];

/** What is to be done about a cause: a recipe and how far up the ladder it is. */
export interface Remedy {
  /** Absent in triggers of older programs; `nameOfRemedy` tells it then. */
  readonly name?: RemedyName;
  readonly recipe: RecipeName;
  /** Its place on the ladder as it is written: 0 = the cheapest rung. */
  readonly rung: number;
  /** Parameters of the recipe's steps that this rung changes; merged into the recipe's defaults. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** GPUs that its job asks for; absent = 0. */
  readonly gpus?: number;
}

/** What is known of a remedy before it was ever tried. */
export interface RemedyKind {
  readonly recipe: RecipeName;
  readonly parameters: Readonly<Record<string, unknown>>;
  /**
   * Whether it learns anew what is right: from labels, or a new reference. The ladder of `latency` may hold none that does.
   * Fitting fewer bits or channels to the answers of the unchanged reference is no such training.
   */
  readonly trains: boolean;
  /** GPUs that its job asks for. */
  readonly gpus: number;
  /** Expected runner time in units of the cheapest remedy. */
  readonly relativeCost: number;
  /** Its name in the runner's catalogue, where plans speak of it. */
  readonly plannedAs?: string;
  /** What it does, in a few words. */
  readonly does: string;
}

export const REMEDIES: Readonly<Record<RemedyName, RemedyKind>> = {
  'quantize-static': {
    ...{ recipe: 'quantize-static', parameters: {}, trains: false, gpus: 0, relativeCost: 1 },
    plannedAs: 'static',
    does: 'quantizes again, calibrated on fresh samples',
  },
  'quantize-static/percentile': {
    ...{ recipe: 'quantize-static', trains: false, gpus: 0, relativeCost: 1.25 },
    parameters: { method: 'percentile' },
    plannedAs: 'static-percentile',
    does: 'the same with ranges that leave outliers out',
  },
  'quantize-static/keep-sensitive': {
    ...{ recipe: 'quantize-static', trains: false, gpus: 0, relativeCost: 1.6 },
    parameters: { excludeSensitive: 2 },
    does: 'the same with the two most sensitive layers left in full precision',
  },
  'incremental-distillation': {
    ...{ recipe: 'incremental-distillation', parameters: {}, trains: true, gpus: 0, relativeCost: 6 },
    does: 'trains the reference on fresh labels and distils it',
  },
  'incremental-distillation/long': {
    ...{ recipe: 'incremental-distillation', trains: true, gpus: 0, relativeCost: 12 },
    parameters: { fineTune: { epochs: 12, patience: 4 }, distil: { epochs: 10, patience: 4 } },
    does: 'the same with twice the epochs',
  },
  compress: {
    ...{ recipe: 'compress', parameters: {}, trains: false, gpus: 0, relativeCost: 10 },
    does: 'searches what the runner proposes for this model and machine',
  },
  'compress/dynamic': {
    ...{ recipe: 'compress', trains: false, gpus: 0, relativeCost: 1.5 },
    parameters: { propose: ['dynamic'] },
    plannedAs: 'dynamic',
    does: 'matrix products in eight bits whose scales are found while serving',
  },
  'compress/static-mixed': {
    ...{ recipe: 'compress', trains: false, gpus: 0, relativeCost: 4 },
    parameters: { propose: ['static-mixed'] },
    plannedAs: 'static-mixed',
    does: 'a width for every layer, by what each one loses',
  },
  'compress/quantize-aware': {
    ...{ recipe: 'compress', trains: false, gpus: 0, relativeCost: 5 },
    parameters: { propose: ['quantize-aware'] },
    plannedAs: 'quantize-aware',
    does: "trains the eight-bit graph itself to give the reference's answers",
  },
  'compress/prune-quantize': {
    ...{ recipe: 'compress', trains: false, gpus: 0, relativeCost: 6 },
    parameters: { propose: ['prune-quantize'] },
    plannedAs: 'prune-quantize',
    does: 'removes channels, then quantizes what is left',
  },
  'compress/prune-quantize-distil': {
    ...{ recipe: 'compress', trains: false, gpus: 0, relativeCost: 9 },
    parameters: { propose: ['prune-quantize-distil'] },
    plannedAs: 'prune-quantize-distil',
    does: "removes half of the channels, and distils and quantizes what is left towards the reference's answers",
  },
};

/** True for a name that a ladder may hold. */
export function isRemedy(name: string): name is RemedyName {
  return Object.hasOwn(REMEDIES, name);
}

/** The remedy as a trigger states it, at a place on the ladder. */
export function remedyAt(name: RemedyName, rung: number): Remedy {
  const { recipe, parameters, gpus } = REMEDIES[name];
  return { name, recipe, rung, parameters, ...(gpus > 0 && { gpus }) };
}

/** The name of a trigger's remedy, also of one that an older program stored without; parameters nobody knows count as the recipe's own. */
export function nameOfRemedy(remedy: Pick<Remedy, 'name' | 'recipe' | 'parameters'>): RemedyName {
  if (remedy.name !== undefined) return remedy.name;
  const asked = JSON.stringify(remedy.parameters);
  const same = REMEDY_NAMES.find(
    (name) => REMEDIES[name].recipe === remedy.recipe && JSON.stringify(REMEDIES[name].parameters) === asked,
  );
  return same ?? remedy.recipe;
}
