import { SUMMARY_FEATURES, type SummaryFeature, type TelemetrySettings } from '../../models/index.js';
import { project, projectionSigns } from './projection.js';
import { redactedColumns, withoutColumns } from './redact-row.js';

/** The part of a model document that names features. */
export type FeatureSpec = Pick<TelemetrySettings, 'features' | 'columns' | 'projection' | 'redact'>;

/** Computes a row's features; made once a model, because the signs of a projection are worth keeping. */
export type FeatureReader = (input: Float32Array) => Record<string, number>;

const readers = new WeakMap<FeatureSpec, { readonly shape: string; readonly read: FeatureReader }>();

/**
 * All features that the model document names and that follow from the input row: summary features, `columns` (the value
 * of that column; it goes before a summary feature of the same name), and `projection.<i>`. Names that only the sender can know are simply absent, and so is what the
 * document redacts; the other features are computed with zeros in the redacted columns, so that none of them gives a
 * redacted value away. Keep the same `spec` object for the same model: what can be computed once is kept with it.
 *
 * @param input one row, flattened in row-major order, all finite, not empty
 * @param shape the input's contract; its first dimension is the batch
 */
export function featuresOf(input: Float32Array, shape: readonly number[], spec: FeatureSpec): Record<string, number> {
  const key = shape.join();
  let known = readers.get(spec);
  if (known?.shape !== key) {
    known = { shape: key, read: featureReader(shape, spec) };
    readers.set(spec, known);
  }
  return known.read(input);
}

/** The same, made once for one model. */
export function featureReader(shape: readonly number[], spec: FeatureSpec): FeatureReader {
  const hidden = new Set(spec.redact);
  const zeroed = redactedColumns(spec);
  const wanted = spec.features.filter((name) => !hidden.has(name));
  const columns = wanted.flatMap((name) => {
    const place = spec.columns.indexOf(name);
    return place < 0 ? [] : [{ name, place }];
  });
  const summaries = wanted.filter((name) => !spec.columns.includes(name) && isSummary(name));
  const { names, signs } = signsOf(wanted, shape, spec);
  return (raw) => {
    const input = withoutColumns(raw, zeroed);
    const features: Record<string, number> = summaries.length === 0 ? {} : { ...summarise(input, shape, summaries) };
    for (const { name, place } of columns) if (place < input.length) features[name] = input[place]!;
    for (let i = 0; i < signs.length; i += 1) features[names[i]!] = project(input, signs[i]!);
    return features;
  };
}

function signsOf(
  wanted: readonly string[],
  shape: readonly number[],
  { projection }: FeatureSpec,
): { names: string[]; signs: Int8Array[] } {
  if (projection === null) return { names: [], signs: [] };
  const all = Array.from({ length: projection.dimensions }, (_, i) => i);
  const dimensions = all.filter((i) => wanted.includes(`projection.${i}`));
  const length = shape.slice(1).reduce((product, size) => product * size, 1);
  return {
    names: dimensions.map((i) => `projection.${i}`),
    signs: projectionSigns(projection, dimensions, length),
  };
}

function isSummary(name: string): boolean {
  return (SUMMARY_FEATURES as readonly string[]).includes(name);
}

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
  const summary: Partial<Record<SummaryFeature, number>> = {};
  const needsMoments = features.some((name) => name !== 'gradientEnergy' && isSummary(name));
  const moments = needsMoments ? momentsOf(input) : NO_MOMENTS;
  for (const feature of SUMMARY_FEATURES.filter((name) => features.includes(name))) {
    summary[feature] = feature === 'gradientEnergy' ? gradientEnergy(input, shape) : moments[feature];
  }
  return summary;
}

const NO_MOMENTS = { mean: 0, std: 0, min: 0, max: 0, zeroFraction: 0 };

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
