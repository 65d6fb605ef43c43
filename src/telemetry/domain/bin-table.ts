import { QUANTILE_BINS } from './feature-profile.js';

/** Numbers reserved for one feature's counts. */
export const BIN_STRIDE = QUANTILE_BINS;
const CELLS = 256;

/**
 * Bins of all features of one model, for the hot path: a value's cell follows from its place between the outermost edges,
 * and only the edges inside that cell are compared. Gives exactly what `binOf` gives.
 */
export class BinTable {
  private readonly edges: Float64Array;
  private readonly low: Float64Array;
  private readonly scale: Float64Array;
  private readonly cells: Uint8Array;
  /** Edges of each feature; null until they are fixed. */
  readonly fixed: (readonly number[] | null)[];

  constructor(features: number) {
    this.edges = new Float64Array(features * BIN_STRIDE).fill(Number.POSITIVE_INFINITY);
    this.low = new Float64Array(features);
    this.scale = new Float64Array(features);
    this.cells = new Uint8Array(features * CELLS);
    this.fixed = new Array<readonly number[] | null>(features).fill(null);
  }

  /** @param edges ascending, fewer than `BIN_STRIDE` @throws RangeError when there are more */
  fix(feature: number, edges: readonly number[]): void {
    if (edges.length >= BIN_STRIDE) throw new RangeError(`${edges.length} edges; at most ${BIN_STRIDE - 1}`);
    this.fixed[feature] = edges;
    this.edges.set(edges, feature * BIN_STRIDE);
    const first = edges[0] ?? 0;
    const width = (edges.at(-1) ?? 0) - first;
    this.low[feature] = first;
    const scale = (CELLS - 1) / width;
    this.scale[feature] = Number.isFinite(scale) ? scale : 0;
    const cells = edges.map((edge) => this.cellOf(feature, edge));
    for (let cell = 0; cell < CELLS; cell += 1) {
      this.cells[feature * CELLS + cell] = cells.filter((other) => other < cell).length;
    }
  }

  /** Index of the bin that a finite `value` of a feature with edges falls into. */
  binOf(feature: number, value: number): number {
    const { edges } = this;
    const base = feature * BIN_STRIDE;
    let at = base + (this.cells[feature * CELLS + this.cellOf(feature, value)] as number);
    while ((edges[at] as number) <= value) at += 1;
    return at - base;
  }

  private cellOf(feature: number, value: number): number {
    // Rounding keeps the order, so an edge in a lower cell is below every value of a higher one.
    const place = (value - (this.low[feature] as number)) * (this.scale[feature] as number);
    return place > 0 ? (place < CELLS - 1 ? place | 0 : CELLS - 1) : 0;
  }
}
