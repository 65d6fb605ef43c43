import { SUMMARY_FEATURES, type SummaryFeature } from '../../models/index.js';

/**
 * Scalars that stand for one input row.
 *
 * `mean`, `std` (population), `min`, `max`: over all values. `zeroFraction`: share of values that are exactly 0.
 * `gradientEnergy`: mean squared difference of horizontal and vertical neighbours for images (`[-1, C, H, W]`), of
 * successive values otherwise; falls with blur, rises with noise.
 *
 * @param input one row, flattened in row-major order, all finite, not empty
 * @param shape the input's contract; its first dimension is the batch
 */
export function summarise(
  input: Float32Array,
  shape: readonly number[],
  features: readonly string[],
): Partial<Record<SummaryFeature, number>> {
  const moments = momentsOf(input);
  const summary: Partial<Record<SummaryFeature, number>> = {};
  for (const feature of SUMMARY_FEATURES.filter((name) => features.includes(name))) {
    summary[feature] = feature === 'gradientEnergy' ? gradientEnergy(input, shape) : moments[feature];
  }
  return summary;
}

function momentsOf(input: Float32Array): Record<Exclude<SummaryFeature, 'gradientEnergy'>, number> {
  let sum = 0;
  let zeros = 0;
  let min = Infinity;
  let max = -Infinity;
  for (const value of input) {
    sum += value;
    if (value === 0) zeros += 1;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / input.length;
  let squares = 0; // a second pass: the difference of two large sums would lose all digits for inputs far from 0
  for (const value of input) squares += (value - mean) ** 2;
  return { mean, std: Math.sqrt(squares / input.length), min, max, zeroFraction: zeros / input.length };
}

function gradientEnergy(input: Float32Array, shape: readonly number[]): number {
  const { lines, width, linesAnImage } = layout(input, shape);
  let sum = 0;
  let neighbours = 0;
  const add = (from: number, to: number): void => {
    sum += ((input[from] ?? 0) - (input[to] ?? 0)) ** 2;
    neighbours += 1;
  };
  for (let line = 0; line < lines; line += 1) {
    const hasLineBelow = (line + 1) % linesAnImage !== 0; // none below the last line of a channel
    for (let column = 0; column < width; column += 1) {
      const at = line * width + column;
      if (column + 1 < width) add(at, at + 1);
      if (hasLineBelow) add(at, at + width);
    }
  }
  return neighbours === 0 ? 0 : sum / neighbours;
}

function layout(input: Float32Array, shape: readonly number[]): { lines: number; width: number; linesAnImage: number } {
  const [, channels = 0, height = 0, width = 0] = shape;
  const isImage = shape.length === 4 && channels * height * width === input.length;
  return isImage
    ? { lines: channels * height, width, linesAnImage: height }
    : { lines: 1, width: input.length, linesAnImage: 1 };
}
