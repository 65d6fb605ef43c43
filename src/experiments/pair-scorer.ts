import type { Clock } from '../kernel/index.js';
import type { Scorer } from '../serving/index.js';
import type { AnswerLedger, PairedAnswer, SampleStore } from '../telemetry/index.js';
import type { Experiment } from './domain/experiment.js';
import { differenceOf, labelledEntries, type ScoredPair, unlabelledToScore } from './domain/score-pairs.js';
import type { PairLog } from './ports.js';
import type { ExperimentsSettings } from './settings.js';

/** Lets pairs enter the test: labelled ones at once, others judged by the reference when their label had its time. */
export class PairScorer {
  constructor(
    private readonly ports: {
      readonly answers: AnswerLedger;
      readonly samples: SampleStore;
      readonly scorer: Scorer;
      readonly log: PairLog;
      readonly clock: Clock;
    },
    private readonly settings: ExperimentsSettings,
  ) {}

  /** Appends what is new since the last pass and returns everything that has entered, in order. */
  async advance({ id, model, spec }: Experiment, startedAt: Date): Promise<ScoredPair[]> {
    const { answers, log } = this.ports;
    const entered = await log.list(id);
    const known = new Set(entered.map(({ requestId }) => requestId));
    const pairs = await answers.pairs(model, spec.champion, spec.candidateVersion, startedAt);
    const fresh = labelledEntries(pairs, known);
    if (spec.truth === 'labels-or-reference') fresh.push(...(await this.judgeByReference(model, spec.reference, pairs, known)));
    await log.append(id, fresh);
    return [...entered, ...fresh];
  }

  private async judgeByReference(
    model: string,
    reference: Experiment['spec']['reference'],
    pairs: readonly PairedAnswer[],
    entered: ReadonlySet<string>,
  ): Promise<ScoredPair[]> {
    const before = new Date(this.ports.clock.now().getTime() - this.settings.labelGraceSeconds * 1000);
    const wanted = unlabelledToScore(pairs, entered, before, this.settings.referenceBatch);
    if (wanted.length === 0) return [];
    const inputs = await this.ports.samples.inputs(model, wanted.map(({ requestId }) => requestId));
    const kept = wanted.flatMap((pair) => {
      const input = inputs.get(pair.requestId);
      return input === undefined ? [] : [{ pair, input }];
    });
    if (kept[0] === undefined) return [];
    const width = kept[0].input.length;
    const rows = new Float32Array(kept.length * width);
    kept.forEach(({ input }, row) => {
      rows.set(input, row * width);
    });
    const judged = await this.ports.scorer.score(model, reference, rows, kept.length);
    return kept.flatMap(({ pair }, row) => {
      const truth = judged[row]?.prediction;
      if (truth === undefined) return [];
      return [{ requestId: pair.requestId, difference: differenceOf(pair, truth), truth: 'reference' as const, at: pair.at }];
    });
  }
}
