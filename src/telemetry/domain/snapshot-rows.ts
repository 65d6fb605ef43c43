import type { Digest } from '../../kernel/index.js';
import { isHoldout, stableHash } from './stable-hash.js';

/** One row of a snapshot file; see `Snapshot` for the columns. */
export interface SnapshotRow {
  readonly requestId: string;
  readonly at: Date;
  readonly version: Digest;
  readonly input: Float32Array;
  readonly prediction: number;
  readonly confidence: number | null;
  readonly label: number | null;
  readonly stratum: string;
  /** One divided by the chance that the row had to be kept. */
  readonly weight: number;
  /** Chosen without regard to strata. */
  readonly uniform: boolean;
}

/**
 * Splits recent rows into train and holdout and adds up to `replay` older rows to train, marked by their stratum. Older
 * rows that were ever held out stay out, and so do held-out rows that a stratum was preferred for. Which of the older rows are taken, and the order of all rows, follows from the
 * rows alone, so the same rows always make the same files.
 */
export function splitRows(
  recent: readonly SnapshotRow[],
  older: readonly SnapshotRow[],
  replay: number,
): { readonly train: readonly SnapshotRow[]; readonly holdout: readonly SnapshotRow[] } {
  const replayed = older
    .filter(({ requestId }) => !isHoldout(requestId))
    .sort((a, b) => stableHash(a.requestId) - stableHash(b.requestId) || byTime(a, b))
    .slice(0, replay)
    .map((row) => ({ ...row, stratum: `replay/${row.stratum}` }));
  return {
    train: [...recent.filter(({ requestId }) => !isHoldout(requestId)).sort(byTime), ...replayed.sort(byTime)],
    holdout: recent.filter(({ requestId, uniform }) => uniform && isHoldout(requestId)).sort(byTime),
  };
}

function byTime(a: SnapshotRow, b: SnapshotRow): number {
  return a.at.getTime() - b.at.getTime() || (a.requestId < b.requestId ? -1 : Number(a.requestId > b.requestId));
}
