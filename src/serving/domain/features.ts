import type { SummaryFeature } from '../../models/index.js';

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
  features: readonly SummaryFeature[],
): Partial<Record<SummaryFeature, number>> {
  const moments = momentsOf(input);
  const summary: Partial<Record<SummaryFeature, number>> = {};
  for (const feature of features) {
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
  const [, channels = 0, height = 0, width = 0] = shape;
  const isImage = shape.length === 4 && channels * height * width === input.length;
  const [rows, columns] = isImage ? [channels * height, width] : [1, input.length];
  let sum = 0;
  let neighbours = 0;
  for (let row = 0; row < rows; row += 1) {
    const last = isImage ? (row + 1) % height === 0 : true; // no neighbour below the last line of a channel
    for (let column = 0; column < columns; column += 1) {
      const at = row * columns + column;
      const value = input[at] ?? 0;
      if (column + 1 < columns) {
        sum += (value - (input[at + 1] ?? 0)) ** 2;
        neighbours += 1;
      }
      if (!last) {
        sum += (value - (input[at + columns] ?? 0)) ** 2;
        neighbours += 1;
      }
    }
  }
  return neighbours === 0 ? 0 : sum / neighbours;
}
