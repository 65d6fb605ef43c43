import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OutputUnusable } from './errors.js';
import { readPrediction, readPredictions } from './prediction.js';

const threeClasses = { kind: 'classification', classes: 3 } as const;
const regression = { kind: 'regression' } as const;

describe('readPrediction', () => {
  it.each([
    ['logits', [1, 3, 2], 1, Math.exp(3) / (Math.exp(1) + Math.exp(2) + Math.exp(3))],
    ['probabilities', [0.1, 0.2, 0.7], 2, 0.7],
    ['probabilities rounded by a quantized output', [0.1, 0.2, 0.695], 2, 0.695],
    ['logits without negative values', [0, 5, 5], 1, 1 / (2 + Math.exp(-5))],
    ['a tie, as the lowest class', [2, 2, 2], 0, 1 / 3],
    ['logits that would overflow', [1e4, -1e4, 0], 0, 1],
  ])('reads %s', (_, row, prediction, confidence) => {
    const read = readPrediction(row, threeClasses);
    expect(read.prediction).toBe(prediction);
    expect(read.confidence).toBeCloseTo(confidence, 12);
  });

  it('reads a regression as its value, without confidence', () => {
    expect(readPrediction([-4.5], regression)).toEqual({ prediction: -4.5, confidence: null });
  });

  it.each([
    ['a series', { kind: 'series', steps: 4 } as const, [1, 2, 3, 6], 3],
    ['a text’s numbers', { kind: 'text' } as const, [1, 3], 2],
  ])('reads %s as its mean, without confidence', (_, task, row, prediction) => {
    expect(readPrediction(row, task)).toEqual({ prediction, confidence: null });
  });

  it.each([
    [{ kind: 'series', steps: 4 } as const, [1, 2, 3]],
    [{ kind: 'series', steps: 2 } as const, [1, Infinity]],
    [{ kind: 'regression' } as const, [1, 2]],
    [{ kind: 'text' } as const, []],
  ])('refuses a row of another length, or no number, for %p', (task, row) => {
    expect(() => readPrediction(row, task)).toThrow(OutputUnusable);
  });

  it.each([
    ['NaN', [NaN, 0, 1]],
    ['an infinite value', [0, Infinity, 1]],
    ['too few values', [0, 1]],
    ['too many values', [0, 1, 2, 3]],
  ])('refuses %s', (_, row) => {
    expect(() => readPrediction(row, threeClasses)).toThrow(OutputUnusable);
  });

  it('names a class whose value is the largest, with at least its even share of confidence', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 20 }), (row) => {
        const { prediction, confidence } = readPrediction(row, { kind: 'classification', classes: row.length });
        expect(row[prediction]).toBe(Math.max(...row));
        expect(confidence).toBeLessThanOrEqual(1);
        expect(confidence).toBeGreaterThanOrEqual((1 - 0.01) / row.length - 1e-9);
      }),
    );
  });

  it('reads the rows of a batch in order', () => {
    const batch = Float32Array.of(0, 1, 0, 9, 0, 0);
    expect(readPredictions(batch, 2, threeClasses).map((read) => read.prediction)).toEqual([1, 0]);
    expect(() => readPredictions(batch, 4, threeClasses)).toThrow(OutputUnusable);
  });
});
