import { describe, expect, it } from '@jest/globals';
import { featuresOf, type FeatureSpec } from './features.js';
import { project, projectionSigns } from './projection.js';

/** A row of 70 whole numbers, so that sums are exact and more than two words of signs are used. */
const row = Float32Array.from({ length: 70 }, (_, j) => ((j * 7) % 11) - 5);

describe('a random projection', () => {
  // test-vector: computed by a second implementation in another language; a data plane that gives the same numbers fits.
  it.each([
    [0, 0, 4, 4],
    [0, 1, -40, -4],
    [0, 5, 38, -4],
    [0xdeadbeef, 0, 4, -2],
    [0xdeadbeef, 1, 18, -2],
    [0xdeadbeef, 5, 26, -2],
  ])('of seed %i, dimension %i sums the test row to %i', (seed, dimension, sum, signSum) => {
    const [signs] = projectionSigns({ dimensions: 6, seed }, [dimension], row.length);
    expect(signs!.reduce((total, sign) => total + sign, 0)).toBe(signSum);
    expect(project(row, signs!)).toBeCloseTo(sum / Math.sqrt(70), 12);
  });

  it('gives a dimension the same signs whichever others are wanted', () => {
    const projection = { dimensions: 4, seed: 7 };
    const all = projectionSigns(projection, [0, 1, 2, 3], 100);
    expect(projectionSigns(projection, [2], 100)).toEqual([all[2]]);
  });

  it('has balanced signs that do not depend on each other, across dimensions and places', () => {
    const length = 4096;
    const signs = projectionSigns({ dimensions: 32, seed: 1 }, [...Array(32).keys()], length);
    const bound = 4.5 * Math.sqrt(length); // 4.5 standard deviations of a sum of independent signs
    for (const [i, a] of signs.entries()) {
      expect(Math.abs(a.reduce((sum, sign) => sum + sign, 0))).toBeLessThan(bound);
      const next = a.slice(0, -1).reduce((sum, sign, j) => sum + sign * a[j + 1]!, 0);
      expect(Math.abs(next)).toBeLessThan(bound);
      for (const b of signs.slice(i + 1)) {
        expect(Math.abs(a.reduce((sum, sign, j) => sum + sign * b[j]!, 0))).toBeLessThan(bound);
      }
    }
  });
});

describe('featuresOf', () => {
  const spec: FeatureSpec = {
    features: ['mean', 'age', 'income', 'projection.1', 'projection.9', 'embedding.0'],
    columns: ['age', 'income', 'score'],
    projection: { dimensions: 2, seed: 0 },
    redact: [],
  };
  const input = Float32Array.of(30, 60, 90);

  it('computes summary features, columns and projections, and leaves out what only the sender can know', () => {
    const features = featuresOf(input, [-1, 3], spec);
    const [signs] = projectionSigns(spec.projection!, [1], 3);
    expect(features).toEqual({ mean: 60, age: 30, income: 60, 'projection.1': project(input, signs!) });
    expect(featuresOf(input, [-1, 3], spec)).toEqual(features);
  });

  it('leaves out what is redacted, and lets no other feature give it away', () => {
    const hidden: FeatureSpec = {
      ...spec,
      features: [...spec.features, 'min', 'max', 'std'],
      redact: ['income', 'std'],
    };
    const features = featuresOf(input, [-1, 3], hidden);
    expect(features).toMatchObject({ mean: 40, age: 30, min: 0, max: 90 });
    expect(Object.keys(features).sort()).toEqual(['age', 'max', 'mean', 'min', 'projection.1']);
    expect(featuresOf(Float32Array.of(30, -7, 90), [-1, 3], hidden)).toEqual(features);
    expect(input).toEqual(Float32Array.of(30, 60, 90));
  });

  it('takes a column before a summary feature of the same name', () => {
    expect(featuresOf(input, [-1, 3], { ...spec, features: ['mean'], columns: ['a', 'b', 'mean'] })).toEqual({
      mean: 90,
    });
  });
});
