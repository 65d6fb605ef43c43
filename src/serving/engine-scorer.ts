import type { Digest } from '../kernel/index.js';
import type { ModelStore } from '../models/index.js';
import { ScoringFailed } from './domain/errors.js';
import { rowSize } from './domain/open-inference.js';
import { type Prediction, readPredictions } from './domain/prediction.js';
import { type InferenceEngine, Scorer } from './ports.js';

/** So many rows a run, so that mirrored requests get their turn between two of them. */
const ROWS_A_RUN = 32;

/** Scores on the background thread, a few rows at a time. */
export class EngineScorer extends Scorer {
  constructor(
    private readonly models: ModelStore,
    private readonly engine: InferenceEngine,
  ) {
    super();
  }

  async score(model: string, digest: Digest, inputs: Float32Array, rows: number): Promise<Prediction[]> {
    try {
      const { input, output, task } = (await this.models.require(model)).spec;
      const size = rowSize(input);
      if (inputs.length !== rows * size)
        throw new RangeError(`${inputs.length} values are not ${rows} rows of ${size}`);
      const predictions: Prediction[] = [];
      for (let from = 0; from < rows; from += ROWS_A_RUN) {
        const count = Math.min(ROWS_A_RUN, rows - from);
        const values = inputs.slice(from * size, (from + count) * size);
        const scored = await this.engine.infer({ digest, input, output }, values, count);
        predictions.push(...readPredictions(scored.values, count, task));
      }
      return predictions;
    } catch (error) {
      throw new ScoringFailed(model, digest, error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
