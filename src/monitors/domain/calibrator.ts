/**
 * From what a version says about itself to how often it is right: a map over the 20 confidence bins of a window.
 *
 * The map is refitted for each version, because compression changes calibration more than accuracy (a quantized model is
 * often more sure of itself than its reference). It is only used where it helps: like NannyML's confidence-based
 * estimation, it calibrates when the expected calibration error on held-out thirds falls.
 */

/** Bins of a window's confidence histogram, over 0..1. */
export const CONFIDENCE_BINS = 20;
/** With fewer labelled answers two parameters are all that can be learned. */
const FEW_ROWS = 1_000;
const FOLDS = 3;

/** Labelled answers by confidence bin: how many, and how many of them were right. */
export interface BinCounts {
  readonly rows: readonly number[];
  readonly right: readonly number[];
}

/** Calibration data in three parts, so that each can be held out once. Plain data: survives JSON bit for bit. */
export type CalibrationData = readonly BinCounts[];

/** How the map was made: `none` leaves confidences as they are. */
export type CalibrationMethod = 'none' | 'platt' | 'isotonic';

/** A fitted map. Plain data. */
export interface Calibrator {
  readonly method: CalibrationMethod;
  /** Expected share of right answers in each bin. */
  readonly expected: readonly number[];
  /** Labelled answers that each bin's value rests on: of the whole block where isotonic regression joined bins. */
  readonly support: readonly number[];
  readonly rows: number;
  /** Expected calibration error on the held-out thirds, of the confidences as they are and of the map. */
  readonly errorBefore: number;
  readonly errorAfter: number;
}

export const NO_CALIBRATION_DATA: CalibrationData = Array.from({ length: FOLDS }, () => ({
  rows: new Array<number>(CONFIDENCE_BINS).fill(0),
  right: new Array<number>(CONFIDENCE_BINS).fill(0),
}));

/** The bin of a confidence, the same as in a window. */
export function confidenceBin(confidence: number): number {
  return Math.min(CONFIDENCE_BINS - 1, Math.max(0, Math.floor(confidence * CONFIDENCE_BINS)));
}

/** What a bin's confidences stand for when nothing better is known: its middle. */
export function binMiddle(bin: number): number {
  return (bin + 0.5) / CONFIDENCE_BINS;
}

/** Adds labelled answers in the order given; equal to adding them in parts. */
export function addLabelled(
  data: CalibrationData,
  answers: readonly { readonly confidence: number; readonly right: boolean }[],
): CalibrationData {
  const parts = data.map(({ rows, right }) => ({ rows: [...rows], right: [...right] }));
  let place = labelledRows(data);
  for (const answer of answers) {
    const part = parts[place % FOLDS]!;
    const bin = confidenceBin(answer.confidence);
    part.rows[bin]! += 1;
    if (answer.right) part.right[bin]! += 1;
    place += 1;
  }
  return parts;
}

/** Labelled answers in the data. */
export function labelledRows(data: CalibrationData): number {
  return data.reduce((sum, part) => sum + total(part.rows), 0);
}

/** The map for these answers: isotonic regression, or Platt's two parameters where they are few, or none. Pure. */
export function fitCalibrator(data: CalibrationData): Calibrator {
  const rows = labelledRows(data);
  const method = rows < FEW_ROWS ? 'platt' : 'isotonic';
  let before = 0;
  let after = 0;
  for (let held = 0; held < FOLDS; held += 1) {
    const rest = join(data.filter((_, fold) => fold !== held));
    before += calibrationError(data[held]!, MIDDLES) / FOLDS;
    after += calibrationError(data[held]!, fit(method, rest).expected) / FOLDS;
  }
  const all = join(data);
  const chosen = after < before ? method : 'none';
  return { method: chosen, ...fit(chosen, all), rows, errorBefore: before, errorAfter: after };
}

/**
 * Expected calibration error: mean distance between what was expected and what was right, weighted by the bins' answers
 * (Naeini, Cooper, Hauskrecht, AAAI 2015). 0 without answers.
 */
export function calibrationError(counts: BinCounts, expected: readonly number[]): number {
  const all = total(counts.rows);
  if (all === 0) return 0;
  return counts.rows.reduce(
    (sum, rows, bin) => sum + (rows === 0 ? 0 : Math.abs(counts.right[bin]! - rows * expected[bin]!) / all),
    0,
  );
}

const MIDDLES = Array.from({ length: CONFIDENCE_BINS }, (_, bin) => binMiddle(bin));

function fit(method: CalibrationMethod, counts: BinCounts): Pick<Calibrator, 'expected' | 'support'> {
  switch (method) {
    case 'none':
      return { expected: MIDDLES, support: counts.rows };
    case 'platt':
      return { expected: platt(counts), support: counts.rows };
    case 'isotonic':
      return isotonic(counts);
  }
}

/**
 * Pool adjacent violators (Ayer et al. 1955): the non-decreasing values nearest to the bins' shares in weighted least
 * squares. Empty bins between others lie on the straight line.
 */
export function isotonic(counts: BinCounts): Pick<Calibrator, 'expected' | 'support'> {
  const blocks: { rows: number; right: number; bins: number[] }[] = [];
  counts.rows.forEach((rows, bin) => {
    if (rows === 0) return;
    blocks.push({ rows, right: counts.right[bin]!, bins: [bin] });
    for (let last = blocks.length - 1; last > 0 && share(blocks[last - 1]!) >= share(blocks[last]!); last -= 1) {
      const { rows: n, right, bins } = blocks.pop()!;
      const merged = blocks[last - 1]!;
      blocks[last - 1] = { rows: merged.rows + n, right: merged.right + right, bins: [...merged.bins, ...bins] };
    }
  });
  const support = new Array<number>(CONFIDENCE_BINS).fill(0);
  const known: { bin: number; value: number }[] = [];
  for (const block of blocks)
    for (const bin of block.bins) {
      support[bin] = block.rows;
      known.push({ bin, value: share(block) });
    }
  return { expected: MIDDLES.map((middle, bin) => between(known, bin, middle)), support };
}

function share(block: { readonly rows: number; readonly right: number }): number {
  return block.right / block.rows;
}

/** Below everything that was labelled a version is taken at its word; above, at the best that was seen. */
function between(
  known: readonly { readonly bin: number; readonly value: number }[],
  bin: number,
  middle: number,
): number {
  const below = known.findLast((each) => each.bin <= bin);
  const above = known.find((each) => each.bin >= bin);
  if (below === undefined) return Math.min(middle, above?.value ?? middle);
  if (above === undefined || below.bin === above.bin) return below.value;
  return below.value + ((above.value - below.value) * (bin - below.bin)) / (above.bin - below.bin);
}

/**
 * Platt scaling on the log-odds of the confidence, with his smoothed targets (Platt 1999; Lin, Lin, Weng 2007), by
 * Newton's method with halved steps. Convex: it always ends, at the latest after 50 steps.
 */
function platt(counts: BinCounts): number[] {
  const right = total(counts.right);
  const rows = total(counts.rows);
  const high = (right + 1) / (right + 2);
  const low = 1 / (rows - right + 2);
  const points = counts.rows.flatMap((n, bin) => {
    if (n === 0) return [];
    const good = counts.right[bin]!;
    return [{ x: logit(binMiddle(bin)), n, target: (good * high + (n - good) * low) / n }];
  });
  let slope = 1;
  let offset = 0;
  const loss = (a: number, b: number): number =>
    points.reduce((sum, { x, n, target }) => {
      const z = a * x + b;
      return sum + n * (Math.max(z, 0) - target * z + Math.log1p(Math.exp(-Math.abs(z))));
    }, 0);
  let current = loss(slope, offset);
  for (let step = 0; step < 50; step += 1) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 1e-9, 0, 1e-9];
    for (const { x, n, target } of points) {
      const p = sigmoid(slope * x + offset);
      const curvature = n * p * (1 - p);
      ga += n * (p - target) * x;
      gb += n * (p - target);
      haa += curvature * x * x;
      hab += curvature * x;
      hbb += curvature;
    }
    const determinant = haa * hbb - hab * hab;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    let scale = 1;
    while (scale > 1e-6 && loss(slope - scale * da, offset - scale * db) > current) scale /= 2;
    const next = loss(slope - scale * da, offset - scale * db);
    if (!(current - next > 1e-10 * (1 + current))) break;
    [slope, offset, current] = [slope - scale * da, offset - scale * db, next];
  }
  return MIDDLES.map((middle) => sigmoid(slope * logit(middle) + offset));
}

function join(parts: readonly BinCounts[]): BinCounts {
  const add = (pick: (part: BinCounts) => readonly number[]): number[] =>
    MIDDLES.map((_, bin) => parts.reduce((sum, part) => sum + pick(part)[bin]!, 0));
  return { rows: add((part) => part.rows), right: add((part) => part.right) };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function logit(p: number): number {
  return Math.log(p / (1 - p));
}

function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}
