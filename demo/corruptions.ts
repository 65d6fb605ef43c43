import { PIXELS, SIDE } from './images.js';
import { normal } from './random.js';

/** Changes one image; randomness comes from outside so that a run can be repeated. */
export type Corruption = (image: Float32Array, random: () => number) => Float32Array;

/** The images as they are. */
export const clean: Corruption = (image) => image;

/** A faint image: every pixel multiplied by `factor`. Full precision still resolves it, coarse integer ranges do not. */
export function contrast(factor: number): Corruption {
  return (image) => image.map((pixel) => pixel * factor);
}

/** Turned about the centre by up to ±`degrees`, bilinear. */
export function rotation(degrees: number): Corruption {
  return (image, random) => {
    const angle = ((random() * 2 - 1) * degrees * Math.PI) / 180;
    const [cosine, sine, centre] = [Math.cos(angle), Math.sin(angle), (SIDE - 1) / 2];
    return Float32Array.from({ length: PIXELS }, (_, index) => {
      const x = (index % SIDE) - centre;
      const y = Math.floor(index / SIDE) - centre;
      return bilinear(image, cosine * x + sine * y + centre, cosine * y - sine * x + centre);
    });
  };
}

/** Mean over a square of 2·`radius` + 1 pixels. */
export function blur(radius: number): Corruption {
  return (image) =>
    Float32Array.from({ length: PIXELS }, (_, index) => {
      const [x, y] = [index % SIDE, Math.floor(index / SIDE)];
      let sum = 0;
      for (let dy = -radius; dy <= radius; dy += 1) {
        for (let dx = -radius; dx <= radius; dx += 1) sum += pixelAt(image, x + dx, y + dy);
      }
      return sum / (2 * radius + 1) ** 2;
    });
}

/** Additive Gaussian noise, clipped to what a camera can deliver. */
export function noise(deviation: number): Corruption {
  return (image, random) => image.map((pixel) => Math.min(1, Math.max(0, pixel + deviation * normal(random))));
}

/** One after the other. */
export function chain(...steps: readonly Corruption[]): Corruption {
  return (image, random) => steps.reduce((current, step) => step(current, random), image);
}

function pixelAt(image: Float32Array, x: number, y: number): number {
  return x >= 0 && x < SIDE && y >= 0 && y < SIDE ? (image[y * SIDE + x] ?? 0) : 0;
}

function bilinear(image: Float32Array, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, down] = [x - left, y - top];
  return (
    pixelAt(image, left, top) * (1 - right) * (1 - down) +
    pixelAt(image, left + 1, top) * right * (1 - down) +
    pixelAt(image, left, top + 1) * (1 - right) * down +
    pixelAt(image, left + 1, top + 1) * right * down
  );
}
