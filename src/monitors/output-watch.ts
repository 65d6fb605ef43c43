import { RatchetError } from '../kernel/index.js';
import type { Model } from '../models/index.js';
import type { AnswerLedger, Output, OutputPair, OutputPairStore } from '../telemetry/index.js';
import { feedable } from './domain/coverage.js';
import type { MonitorName } from './domain/finding.js';
import { MEAN_ERROR, stateMean } from './domain/mean-finding.js';
import { type MeanMonitorState, type MeanObservation, NEW_MEAN_MONITOR, observeMean } from './domain/mean-monitor.js';
import { distanceSubject, numberDistance, seriesObservation, textObservation } from './domain/output-distance.js';
import { type Statement, undecided } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { DetectorRecord, DetectorStore, Encoder, RescoreLedger } from './ports.js';
import type { Judged } from './rate-watch.js';

const ERROR = 'mean-error';
const DISTANCE = 'output-distance';
const BATCH = 5_000;
/** Pairs of series or texts whose distance one pass takes: each costs milliseconds. */
const PAIRS = 64;
const SILENT = 'It raises no alarm.';

/** Distances of series or texts that were taken before the pass's unit of work. */
export interface Measured {
  readonly rows: readonly (MeanObservation & { readonly sequence: number; readonly time: Date })[];
  /** Why none could be taken, or null. */
  readonly failure: string | null;
  /** There is more to measure. */
  readonly more: boolean;
}

const NOTHING: Measured = { rows: [], failure: null, more: false };

/** Feeds the monitors of answers that are no class: mean error by labels, and distance to the reference's answers. */
export class OutputWatch {
  constructor(
    private readonly answers: AnswerLedger,
    private readonly rescores: RescoreLedger,
    private readonly pairs: OutputPairStore,
    private readonly encoder: Encoder,
    private readonly detectors: DetectorStore,
  ) {}

  /**
   * Takes distances; writes nothing, so that an encoder's work takes no part in a transaction.
   * @param until pairs from then on wait: their windows are not closed, so nobody knows yet whether they may be fed
   */
  async measure(model: Model, watch: Watch, until: Date): Promise<Measured> {
    const { kind } = model.spec.task;
    if (watch.version === watch.reference || (kind !== 'series' && kind !== 'text')) return NOTHING;
    if (kind === 'text' && this.encoder.unavailable !== null) return { ...NOTHING, failure: this.encoder.unavailable };
    const after = (await this.detectors.load(watch)).get(DISTANCE)?.cursor ?? 0;
    const kept = await this.pairs.after(watch.model, watch.version, watch.reference, after, PAIRS);
    const open = kept.findIndex(({ at }) => at >= until);
    const found = open < 0 ? kept : kept.slice(0, open);
    try {
      const taken = kind === 'text' ? await this.texts(found) : found.map((pair) => series(pair));
      const rows = taken.map((one, i) => ({ ...one, sequence: found[i]!.sequence, time: found[i]!.at }));
      return { rows, failure: null, more: found.length === PAIRS };
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      return { ...NOTHING, failure: error.message };
    }
  }

  /** Call it inside the unit of work that saves the findings. */
  async pass(
    model: Model,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    judged: Judged,
    measured: Measured,
  ): Promise<Map<MonitorName, Statement>> {
    return new Map<MonitorName, Statement>([
      [ERROR, await this.error(model, watch, known, judged)],
      [DISTANCE, await this.distance(model, watch, known, judged, measured)],
    ]);
  }

  private async error(
    model: Model,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    { coverage, until }: Judged,
  ): Promise<Statement> {
    const { kind } = model.spec.task;
    if (kind === 'classification') return undecided('A class is right or wrong; accuracy watches that.', SILENT);
    if (kind === 'text') return undecided('A text has no number whose error could be taken.', SILENT);
    const record = known.get(ERROR) as DetectorRecord<MeanMonitorState> | undefined;
    const after = record?.cursor ?? 0;
    const rows = await this.answers.labelledAfter(watch.model, watch.version, after, BATCH);
    const fed = feedable(coverage, rows, until);
    const observations = fed.rows
      // A series may be labelled although nobody sent its summary as a number.
      .filter(({ at, prediction }) => at >= watch.since && Number.isFinite(prediction))
      .map(({ at, prediction, label }) => numberDistance(prediction, label, at));
    const cursor = fed.last?.sequence ?? after;
    const state = await this.save(model, watch, ERROR, record, { observations, cursor, bound: null });
    return stateMean(MEAN_ERROR, state, model.spec.monitors);
  }

  private async distance(
    model: Model,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    { coverage, until }: Judged,
    measured: Measured,
  ): Promise<Statement> {
    const subject = distanceSubject(model.spec.task);
    if (subject === null) return undecided('A class is the same or not; fidelity watches that.', SILENT);
    if (watch.version === watch.reference) return undecided('The reference itself serves.', SILENT);
    const record = known.get(DISTANCE) as DetectorRecord<MeanMonitorState> | undefined;
    const after = record?.cursor ?? 0;
    let news: { observations: readonly MeanObservation[]; cursor: number };
    if (model.spec.task.kind === 'regression') {
      const fed = feedable(coverage, await this.rescores.comparedAfter(watch, after, BATCH), until);
      const observations = fed.rows.map((row) => numberDistance(row.champion, row.reference, row.at));
      news = { observations, cursor: fed.last?.sequence ?? after };
    } else {
      const rows = measured.rows.filter(({ sequence }) => sequence > after);
      const fed = feedable(
        coverage,
        rows.map((row) => ({ row, at: row.time })),
        until,
      );
      const observations = fed.rows.flatMap(({ row, at }) => (at < watch.since ? [] : [row]));
      news = { observations, cursor: fed.last?.row.sequence ?? after };
    }
    const state = await this.save(model, watch, DISTANCE, record, { ...news, bound: subject.bound });
    const statement = stateMean(subject, state, model.spec.monitors);
    if (measured.failure === null || statement.state === 'alarm') return statement;
    return {
      ...undecided(`The distance cannot be taken: ${measured.failure}`, statement.falseAlarm),
      evidence: statement.evidence,
    };
  }

  private async save(
    model: Model,
    watch: Watch,
    name: string,
    record: DetectorRecord<MeanMonitorState> | undefined,
    news: { readonly observations: readonly MeanObservation[]; readonly cursor: number; readonly bound: number | null },
  ): Promise<MeanMonitorState> {
    const before = record?.state ?? NEW_MEAN_MONITOR;
    const plain = news.observations.map(({ value, magnitude, at }) => ({ value, magnitude, at }));
    const state = observeMean(before, plain, model.spec.monitors, news.bound);
    if (record?.cursor !== news.cursor) await this.detectors.save(watch, name, { state, cursor: news.cursor });
    return state;
  }

  private async texts(pairs: readonly OutputPair[]): Promise<MeanObservation[]> {
    if (pairs.length === 0) return [];
    const texts = pairs.flatMap(({ output, shadow }) => [text(output), text(shadow)]);
    const encoded = await this.encoder.encode(texts);
    return pairs.map(({ at }, i) => textObservation(encoded[2 * i]!, encoded[2 * i + 1]!, at));
  }
}

function series({ output, shadow, at }: OutputPair): MeanObservation {
  return seriesObservation(output, shadow, at);
}

function text(output: Output): string {
  return typeof output === 'string' ? output : output.join(' ');
}
