import { type Clock, type Digest, RatchetError, type UnitOfWork } from '../kernel/index.js';
import type { ModelStore, TelemetrySettings } from '../models/index.js';
import type { Scorer } from '../serving/index.js';
import type { AnswerLedger, PairedAnswer, Sample, SampleStore } from '../telemetry/index.js';
import { type EnteredPair, judgePair, pickEntrants, pickSamples } from './domain/enter-pairs.js';
import type { Experiment, ExperimentReading, PairSource } from './domain/experiment.js';
import { foldPairs, readShadow, SHADOW_BEGIN, type ShadowProgress } from './domain/shadow-progress.js';
import type { PairLog, ProgressStore } from './ports.js';

/** Unlabelled pairs, and samples, that one pass looks at. */
const MOST_LOOKED_AT = 5_000;

/** Answers may become known so much later than others of the same time: that far back it is looked again. */
const LATE_MS = 3_000;

/** What one pass let into the test. */
export interface Entry {
  readonly reading: ExperimentReading;
  readonly entered: readonly EnteredPair[];
  /** Why a version could not be asked; null when it could, or was not needed. */
  readonly fault: string | null;
}

/** New pairs of one pass and how far the sources have been looked at with them. */
interface Found {
  readonly pairs: readonly EnteredPair[];
  readonly cursors: Partial<Pick<ShadowProgress, 'labelSequence' | 'unlabelledUntil' | 'sampleSequence'>>;
  readonly fault: string | null;
}

interface Pass {
  readonly experiment: Experiment;
  readonly startedAt: Date;
  readonly progress: ShadowProgress;
  readonly telemetry: TelemetrySettings;
  readonly room: number;
  readonly now: Date;
}

/** Lets pairs into a test, each once and in an order that does not depend on what was answered, and folds them. */
export class ShadowEntry {
  constructor(
    private readonly parts: {
      readonly log: PairLog;
      readonly progress: ProgressStore;
      readonly ledger: AnswerLedger;
      readonly samples: SampleStore;
      readonly scorer: Scorer;
      readonly models: ModelStore;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
    private readonly options: { readonly unlabelledAfterSeconds: number; readonly rescoreBatch: number },
  ) {}

  /** Repeatable: pairs and progress are saved together, so a pass that died has entered nothing. */
  async enter(experiment: Experiment, startedAt: Date, source: PairSource): Promise<Entry> {
    const { log, progress: store, models, unitOfWork, clock } = this.parts;
    const { id, model, spec } = experiment;
    const stored = await store.find(id);
    const progress = stored?.kind === 'shadow' ? stored : SHADOW_BEGIN;
    const { telemetry } = (await models.require(model)).spec;
    const room = Math.max(0, spec.maxSamples - progress.position);
    const pass: Pass = { experiment, startedAt, progress, telemetry, room, now: clock.now() };
    const { pairs, cursors, fault } = source === 'mirror' ? await this.mirrored(pass) : await this.rescored(pass);
    const next = { ...foldPairs(progress, pairs, spec), ...cursors };
    if (pairs.length > 0 || hasMoved(progress, next) || stored === null)
      await unitOfWork.run('experiments.enter', async () => {
        await log.append(id, progress.position, pairs);
        await store.save(id, next);
      });
    return { reading: readShadow(next, spec), entered: pairs, fault };
  }

  /** Pairs that the gateway's mirror made: labelled ones as their labels come, others once a label has had its time. */
  private async mirrored({ experiment, startedAt, progress, telemetry, room, now }: Pass): Promise<Found> {
    const { model, spec, id } = experiment;
    const unlabelledAfterMs = this.waitMs(telemetry);
    const until = new Date(now.getTime() - unlabelledAfterMs);
    const from = new Date(Math.max(progress.unlabelledUntil - LATE_MS, startedAt.getTime()));
    const found = await this.parts.ledger.pairs(model, spec.champion, spec.candidateVersion, {
      since: startedAt,
      ...{ labelledAfter: progress.labelSequence, labelled: room, unlabelledFrom: from, unlabelledUntil: until },
      unlabelled: spec.truth === 'labels-or-reference' && room > 0 ? MOST_LOOKED_AT : 0,
    });
    const known = await this.parts.log.known(
      id,
      found.map((pair) => pair.requestId),
    );
    const entrants = pickEntrants(found, known, { truth: spec.truth, room, unlabelledAfterMs, now });
    const asked = Math.min(this.options.rescoreBatch, room - entrants.labelled.length);
    const { judged, fault, seenUntil } = await this.askReference(model, spec.reference, entrants.unlabelled, asked);
    const looked = found.filter((pair) => pair.sequence === null);
    const cutAt = seenUntil ?? (looked.length < MOST_LOOKED_AT ? null : (looked.at(-1)?.at.getTime() ?? null));
    // Where a batch was cut it goes on from there; otherwise what came late is looked for again.
    const looksOnFrom = cutAt === null ? until.getTime() : cutAt + LATE_MS;
    return {
      pairs: [...entrants.labelled, ...judged],
      cursors: {
        labelSequence: found.reduce((last, { sequence }) => Math.max(last, sequence ?? 0), progress.labelSequence),
        unlabelledUntil: fault === null && looked.length > 0 ? looksOnFrom : progress.unlabelledUntil,
      },
      fault,
    };
  }

  /** Labelled pairs must go on entering while the reference cannot be asked, so its failure is an answer here. */
  private async askReference(
    model: string,
    reference: Digest,
    pairs: readonly PairedAnswer[],
    limit: number,
  ): Promise<{ judged: EnteredPair[]; fault: string | null; seenUntil: number | null }> {
    if (pairs.length === 0 || limit <= 0) return { judged: [], fault: null, seenUntil: null };
    const inputs = await this.parts.samples.inputs(
      model,
      pairs.map((pair) => pair.requestId),
    );
    // The limit comes after: requests whose input was not kept must not stand in the way of the others for ever.
    const usable = pairs.filter((pair) => inputs.has(pair.requestId));
    const kept = usable.slice(0, limit);
    if (kept.length === 0) return { judged: [], fault: null, seenUntil: null };
    const rows = kept.map((pair) => inputs.get(pair.requestId) ?? new Float32Array());
    const { answers, fault } = await this.score(model, reference, rows);
    const judged = kept.flatMap((pair, row) => {
      const answer = answers[row];
      return answer === undefined ? [] : [judgePair(pair, answer, 'reference')];
    });
    const isCut = usable.length > kept.length;
    return { judged, fault, seenUntil: isCut ? (kept.at(-1)?.at.getTime() ?? null) : null };
  }

  /** Sampled requests that the champion answered, scored again by the candidate, and by the reference where there is no label. */
  private async rescored({ experiment, startedAt, progress, telemetry, room, now }: Pass): Promise<Found> {
    const { model, spec, id } = experiment;
    const found = await this.parts.samples.after(model, spec.champion, progress.sampleSequence, MOST_LOOKED_AT);
    const { chosen, until } = pickSamples(found, progress.sampleSequence, {
      ...{ truth: spec.truth, since: startedAt, limit: Math.min(this.options.rescoreBatch, room), now },
      ...{ unlabelledAfterMs: this.waitMs(telemetry), labelWaitMs: 1000 * telemetry.labelWaitSeconds },
    });
    const known = await this.parts.log.known(
      id,
      chosen.map((sample) => sample.requestId),
    );
    const fresh = chosen.filter((sample) => !known.has(sample.requestId));
    const cursors = until === progress.sampleSequence ? {} : { sampleSequence: until };
    if (fresh.length === 0) return { pairs: [], cursors, fault: null };
    const candidates = await this.score(model, spec.candidateVersion, inputsOf(fresh));
    const unlabelled = fresh.filter((sample) => sample.label === null);
    const references =
      unlabelled.length === 0 || candidates.fault !== null
        ? { answers: [], fault: null }
        : await this.score(model, spec.reference, inputsOf(unlabelled));
    const fault = candidates.fault ?? references.fault;
    // All or nothing: a batch of which a part entered could not be told apart the next time.
    if (fault !== null) return { pairs: [], cursors: {}, fault };
    const truths = new Map(unlabelled.map((sample, row) => [sample.requestId, references.answers[row]]));
    const pairs = fresh.flatMap((sample, row) => {
      const candidate = candidates.answers[row];
      const truth = sample.label ?? truths.get(sample.requestId);
      if (candidate === undefined || truth === undefined) return [];
      const { requestId, at, prediction: champion } = sample;
      return [judgePair({ requestId, at, champion, candidate }, truth, sample.label === null ? 'reference' : 'label')];
    });
    return { pairs, cursors, fault: null };
  }

  private async score(
    model: string,
    version: Digest,
    rows: readonly Float32Array[],
  ): Promise<{ answers: number[]; fault: string | null }> {
    try {
      const answers = await this.parts.scorer.score(model, version, concatenated(rows), rows.length);
      return { answers: answers.map(({ prediction }) => prediction), fault: null };
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      return { answers: [], fault: error.message };
    }
  }

  private waitMs({ labelWaitSeconds }: TelemetrySettings): number {
    return 1000 * Math.min(this.options.unlabelledAfterSeconds, labelWaitSeconds);
  }
}

function hasMoved(before: ShadowProgress, after: ShadowProgress): boolean {
  return before.sampleSequence !== after.sampleSequence || before.unlabelledUntil !== after.unlabelledUntil;
}

function inputsOf(samples: readonly Sample[]): Float32Array[] {
  return samples.map(({ input }) => input);
}

function concatenated(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((length, row) => length + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    all.set(row, offset);
    offset += row.length;
  }
  return all;
}
