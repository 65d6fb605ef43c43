import { RatchetError } from '../kernel/index.js';
import type { Scorer } from '../serving/index.js';
import type { Sample, SampleStore } from '../telemetry/index.js';
import type { RescoredSample, Watch } from './domain/watch.js';
import type { RescoreLedger } from './ports.js';

/** Samples per call that are asked for labels. */
const MOST_UNLABELLED = 5_000;

export interface RescoreResult {
  readonly rows: readonly RescoredSample[];
  /** Why the reference could not score, or null. */
  readonly failure: string | null;
  /** The batch was full: there is more. */
  readonly more: boolean;
}

/** Asks the reference about what the champion answered. */
export class Rescorer {
  constructor(
    private readonly samples: SampleStore,
    private readonly scorer: Scorer,
    private readonly ledger: RescoreLedger,
  ) {}

  /** Scores the next samples; writes nothing, so that scoring takes no part in a transaction. */
  async score(watch: Watch, batch: number): Promise<RescoreResult> {
    const { fresh, more } = await this.next(watch, batch);
    if (fresh.length === 0) return { rows: [], failure: null, more: false };
    try {
      const predictions = await this.scorer.score(watch.model, watch.reference, flatten(fresh), fresh.length);
      const rows = fresh.flatMap(({ requestId, sequence, at, prediction }, i) => {
        const reference = predictions[i]?.prediction;
        return reference === undefined ? [] : [{ requestId, sequence, at, champion: prediction, reference }];
      });
      return { rows, failure: null, more };
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      return { rows: [], failure: error.message, more: false };
    }
  }

  /** The next samples of the period; those from before it, which the version answered as a candidate, are passed over. */
  private async next(
    watch: Watch,
    batch: number,
  ): Promise<{ readonly fresh: readonly Sample[]; readonly more: boolean }> {
    let after = await this.ledger.newestSequence(watch);
    for (;;) {
      const found = await this.samples.after(watch.model, watch.version, after, batch);
      const fresh = found.filter((sample) => sample.at >= watch.since);
      const more = found.length === batch;
      if (fresh.length > 0 || !more) return { fresh, more };
      after = found.at(-1)?.sequence ?? after;
    }
  }

  /** Keeps what was scored and notes the labels that arrived meanwhile. Call it inside the pass's unit of work. */
  async keep(watch: Watch, rows: readonly RescoredSample[], labelledSince: Date): Promise<void> {
    if (rows.length > 0) await this.ledger.add(watch, rows);
    const waiting = await this.ledger.unlabelled(watch, labelledSince, MOST_UNLABELLED);
    if (waiting.length === 0) return;
    const labels = await this.samples.labels(watch.model, waiting);
    if (labels.size > 0) await this.ledger.label(watch, labels);
  }
}

function flatten(samples: readonly Sample[]): Float32Array {
  const width = samples[0]?.input.length ?? 0;
  const all = new Float32Array(width * samples.length);
  samples.forEach((sample, i) => all.set(sample.input.subarray(0, width), i * width));
  return all;
}
