import type { RecipeName } from '../../triggers/index.js';

type Parameters = Readonly<Record<string, unknown>>;

/** Where a recipe's batches are set, and how large they are when nobody says (the defaults of its schema). */
const BATCHES: Readonly<
  Record<Exclude<RecipeName, 'compress'>, readonly (readonly [step: string | null, rows: number])[]>
> = {
  'quantize-static': [[null, 32]],
  'incremental-distillation': [
    ['fineTune', 64],
    ['distil', 32],
    ['quantize', 32],
  ],
};

/**
 * The same parameters with every batch half as large (at least one row). What a step holds beside the model, its
 * gradients and the data itself grows with the rows of a batch: activations, and in training what the backward pass keeps.
 */
export function withSmallerBatches(recipe: RecipeName, parameters: Parameters): Parameters {
  if (recipe === 'compress') {
    // The recipe searches steps of its own choice; it scales the batches of them all.
    const { batchScale } = parameters;
    return { ...parameters, batchScale: (typeof batchScale === 'number' ? batchScale : 1) / 2 };
  }
  return BATCHES[recipe].reduce<Parameters>((changed, [step, rows]) => {
    if (step === null) return halved(changed, rows);
    return { ...changed, [step]: halved((changed[step] ?? {}) as Parameters, rows) };
  }, parameters);
}

function halved(parameters: Parameters, otherwise: number): Parameters {
  const { batchSize } = parameters;
  const rows = typeof batchSize === 'number' ? batchSize : otherwise;
  return { ...parameters, batchSize: Math.max(1, Math.floor(rows / 2)) };
}
