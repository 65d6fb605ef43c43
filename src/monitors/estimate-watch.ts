import type { ChampionPeriod, Model } from '../models/index.js';
import type { AnswerLedger, Window } from '../telemetry/index.js';
import { feedable } from './domain/coverage.js';
import {
  type EstimatedAccuracyState,
  learnCalibration,
  NEW_ESTIMATED_ACCURACY,
  observeConfidence,
} from './domain/estimated-accuracy.js';
import { stateEstimatedAccuracy } from './domain/estimated-accuracy-finding.js';
import { type Statement, undecided } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { DetectorRecord, DetectorStore } from './ports.js';
import { evaluated, type Judged } from './rate-watch.js';

const NAME = 'estimated-accuracy';
/** Most labelled answers that one pass learns from. */
const BATCH = 5_000;

/** Feeds the monitor of estimated accuracy: labelled answers make its calibrator, windows its estimate. */
export class EstimateWatch {
  constructor(
    private readonly answers: AnswerLedger,
    private readonly detectors: DetectorStore,
  ) {}

  /**
   * Call it inside the unit of work that saves the findings.
   * @param windows the closed windows that no pass saw before, oldest first, only those that are covered
   */
  async pass(
    model: Model,
    period: ChampionPeriod,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    judged: Judged,
    windows: readonly Window[],
  ): Promise<Statement> {
    const { task, monitors: policy } = model.spec;
    if (task.kind !== 'classification')
      return undecided('Only the answers of a classifier carry a confidence.', 'It raises no alarm.');
    const record = known.get(NAME) as DetectorRecord<EstimatedAccuracyState> | undefined;
    const after = record?.cursor ?? 0;
    const rows = await this.answers.labelledAfter(watch.model, watch.version, after, BATCH);
    const fed = feedable(judged.coverage, rows, judged.until);
    const answers = fed.rows.flatMap(({ at, confidence, prediction, label }) =>
      at < watch.since || confidence === null ? [] : [{ confidence, right: prediction === label }],
    );
    const { accuracy, labelled } = period.profile;
    const before = record?.state ?? NEW_ESTIMATED_ACCURACY;
    const learned = learnCalibration(before, answers, evaluated(accuracy, labelled), policy);
    const state = windows.reduce(
      (so, window) =>
        observeConfidence(so, {
          confidence: window.confidence,
          answered: window.requests - window.errors,
          at: window.start.getTime(),
        }),
      learned,
    );
    const cursor = fed.last?.sequence ?? after;
    if (state !== before || cursor !== after) await this.detectors.save(watch, NAME, { state, cursor });
    return stateEstimatedAccuracy(state, policy);
  }
}
