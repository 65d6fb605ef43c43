import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { blur, chain, clean, contrast, noise, rotation } from './corruptions.js';
import { PIXELS, readTestImages, SIDE } from './images.js';
import { seeded } from './random.js';

const images = readTestImages();
const mean = (image: Float32Array): number => image.reduce((sum, pixel) => sum + pixel, 0) / image.length;

describe('the test images', () => {
  it('are the 10,000 of MNIST with labels 0 to 9 and pixels in 0..1', () => {
    expect(images.count).toBe(10_000);
    expect(Array.from({ length: 10 }, (_, index) => images.label(index))).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    const image = images.image(0);
    expect(image).toHaveLength(PIXELS);
    expect(Math.min(...image)).toBe(0);
    expect(Math.max(...image)).toBeLessThanOrEqual(1);
  });
});

describe('corruptions', () => {
  it('leave clean images as they are', () => {
    expect(clean(images.image(3), seeded(1))).toEqual(images.image(3));
  });

  it('make images faint by exactly the factor', () => {
    expect(mean(contrast(0.05)(images.image(3), seeded(1)))).toBeCloseTo(0.05 * mean(images.image(3)), 6);
  });

  it('keep the centre where it is and most of the ink when they turn', () => {
    const turned = rotation(30)(images.image(3), seeded(4));
    expect(mean(turned)).toBeGreaterThan(0.9 * mean(images.image(3)));
    expect(mean(turned)).toBeLessThan(1.1 * mean(images.image(3)));
  });

  it('spread a single bright pixel evenly when they blur', () => {
    const dot = new Float32Array(PIXELS);
    dot[14 * SIDE + 14] = 1;
    const blurred = blur(1)(dot, seeded(1));
    expect(blurred.filter((pixel) => pixel > 0)).toHaveLength(9);
    expect(blurred[13 * SIDE + 13]).toBeCloseTo(1 / 9, 6);
  });

  it('are the same for the same seed, and stay within what a camera delivers', () => {
    const all = chain(rotation(30), blur(1), contrast(0.6), noise(0.15));
    fc.assert(
      fc.property(fc.nat(9_999), fc.nat(), (index, seed) => {
        const once = all(images.image(index), seeded(seed));
        expect(all(images.image(index), seeded(seed))).toEqual(once);
        expect(once.every((pixel) => pixel >= 0 && pixel <= 1)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
