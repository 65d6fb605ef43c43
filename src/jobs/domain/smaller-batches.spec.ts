import { expect, it } from '@jest/globals';
import { withSmallerBatches } from './smaller-batches.js';

it('halves every batch of a recipe, at least to one row', () => {
  expect(withSmallerBatches('quantize-static', { batchSize: 1, method: 'ema' })).toEqual({
    batchSize: 1,
    method: 'ema',
  });
  expect(withSmallerBatches('incremental-distillation', { distil: { batchSize: 9 } })).toEqual({
    fineTune: { batchSize: 32 },
    distil: { batchSize: 4 },
    quantize: { batchSize: 16 },
  });
});

it('scales the batches of a search, whose steps it does not know, and halves them again', () => {
  const once = withSmallerBatches('compress', { propose: ['static'] });
  expect(once).toEqual({ propose: ['static'], batchScale: 0.5 });
  expect(withSmallerBatches('compress', once)).toEqual({ propose: ['static'], batchScale: 0.25 });
});
