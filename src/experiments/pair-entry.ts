import { type Clock, RatchetError } from '../kernel/index.js';
import type { ModelStore } from '../models/index.js';
import type { Scorer } from '../serving/index.js';
import type { AnswerLedger, PairedAnswer, SampleStore } from '../telemetry/index.js';
import { type EnteredPair, judgePair, pickEntrants } from './domain/enter-pairs.js';
import type { Experiment } from './domain/experiment.js';
import type { PairLog } from './ports.js';

/** Inputs are looked up for the newest so many requests: the sample is bounded, and older inputs leave it first. */
const MOST_LOOKED_UP = 5_000;

/** What one pass let into the test. */
export interface Entry {
  /** All pairs of the test, in the order of entry. */
  readonly pairs: readonly EnteredPair[];
  readonly entered: readonly EnteredPair[];
  /** Why the reference could not be asked; null when it could, or was not needed. */
  readonly fault: string | null;
}

/** Lets pairs into a test, each once and in an order that does not depend on what was answered. */
export class PairEntry {
  constructor(
    private readonly parts: {
      readonly log: PairLog;
      readonly ledger: AnswerLedger;
      readonly samples: SampleStore;
      readonly scorer: Scorer;
      readonly models: ModelStore;
      readonly clock: Clock;
    },
    private readonly options: { readonly unlabelledAfterSeconds: number; readonly rescoreBatch: number },
  ) {}

  /** Repeatable: what a pass that died had entered stays entered, at the place it had. */
  async enter({ id, model, spec }: Experiment, startedAt: Date): Promise<Entry> {
    const { log, ledger, models, clock } = this.parts;
    const before = await log.list(id);
    const { telemetry } = (await models.require(model)).spec;
    const room = spec.maxSamples - before.length;
    const now = clock.now();
    const unlabelledAfterMs = 1000 * Math.min(this.options.unlabelledAfterSeconds, telemetry.labelWaitSeconds);
    const except = before.map((pair) => pair.requestId);
    const found = await ledger.pairs(model, spec.champion, spec.candidateVersion, {
      since: startedAt,
      except,
      labelled: room,
      unlabelled: spec.truth === 'labels-or-reference' && room > 0 ? MOST_LOOKED_UP : 0,
      unlabelledUntil: new Date(now.getTime() - unlabelledAfterMs),
    });
    const entrants = pickEntrants(found, new Set(except), { truth: spec.truth, room, unlabelledAfterMs, now });
    const asked = Math.min(this.options.rescoreBatch, room - entrants.labelled.length);
    const { judged, fault } = await this.askReference(model, spec.reference, entrants.unlabelled, asked);
    const entered = [...entrants.labelled, ...judged];
    await log.append(id, entered);
    return { pairs: [...before, ...entered], entered, fault };
  }

  /** Labelled pairs must go on entering while the reference cannot be asked, so its failure is an answer here. */
  private async askReference(
    model: string,
    reference: Experiment['spec']['reference'],
    pairs: readonly PairedAnswer[],
    limit: number,
  ): Promise<{ judged: EnteredPair[]; fault: string | null }> {
    if (pairs.length === 0 || limit <= 0) return { judged: [], fault: null };
    const inputs = await this.parts.samples.inputs(
      model,
      pairs.map((pair) => pair.requestId),
    );
    // The limit comes after: requests whose input was not kept must not stand in the way of the others for ever.
    const kept = pairs.filter((pair) => inputs.has(pair.requestId)).slice(0, limit);
    if (kept.length === 0) return { judged: [], fault: null };
    try {
      const answers = await this.parts.scorer.score(model, reference, concatenated(kept, inputs), kept.length);
      const judged = kept.flatMap((pair, row) => {
        const answer = answers[row];
        return answer === undefined ? [] : [judgePair(pair, answer.prediction, 'reference')];
      });
      return { judged, fault: null };
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      return { judged: [], fault: error.message };
    }
  }
}

function concatenated(pairs: readonly PairedAnswer[], inputs: ReadonlyMap<string, Float32Array>): Float32Array {
  const rows = pairs.map((pair) => inputs.get(pair.requestId) ?? new Float32Array());
  const all = new Float32Array(rows.reduce((length, row) => length + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    all.set(row, offset);
    offset += row.length;
  }
  return all;
}
