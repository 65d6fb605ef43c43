import { type Digest, NotFound, RevisionConflict } from '../../kernel/index.js';
import { AnswerLedger, type LabelledAnswer, type PairedAnswer } from '../../telemetry/index.js';
import type { Difference } from '../domain/betting.js';
import type { EnteredPair } from '../domain/enter-pairs.js';
import type { Experiment, ExperimentSpec, ExperimentStatus } from '../domain/experiment.js';
import { ExperimentStore, PairLog } from '../ports.js';

export const T0 = new Date('2026-01-01T00:00:00.000Z');

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
export const CHAMPION = digest('a');
export const CANDIDATE = digest('b');
export const OTHER = digest('c');

/** An experiment of the candidate `digits-t1-c1`; `over` replaces parts of its plan. */
export function anExperiment(
  status: ExperimentStatus = { phase: 'Waiting', reason: 'just planned' },
  over: Partial<ExperimentSpec> = {},
): Experiment {
  return {
    id: 'digits-t1-c1-x',
    model: 'digits',
    spec: {
      ...{ candidate: 'digits-t1-c1', candidateVersion: CANDIDATE, champion: CHAMPION, reference: CHAMPION },
      ...{ margin: 0.01, alpha: 0.05, mirrorFraction: 1, maxSamples: 6_000, maxSeconds: 120 },
      truth: 'labels-or-reference',
      ...over,
    },
    status,
    revision: 0,
    createdAt: T0,
    updatedAt: T0,
  };
}

/** So many pairs of the same difference. */
export function somePairs(count: number, difference: Difference): EnteredPair[] {
  return Array.from({ length: count }, (_, n) => ({ requestId: `r${n}`, at: T0, difference, truth: 'label' as const }));
}

/** Experiments in memory, with revisions like the real store. */
export class FakeExperimentStore extends ExperimentStore {
  readonly experiments = new Map<string, Experiment>();
  saves = 0;

  override async find(id: string) {
    return this.experiments.get(id) ?? null;
  }
  override async require(id: string) {
    const found = await this.find(id);
    if (found === null) throw new NotFound('experiment', id);
    return found;
  }
  override async list(model: string) {
    return [...this.experiments.values()].filter((each) => each.model === model).reverse();
  }
  override async listUnfinished() {
    return [...this.experiments.values()].filter((each) => each.status.phase !== 'Concluded');
  }
  override async save(experiment: Experiment) {
    const stored = this.experiments.get(experiment.id);
    if (experiment.revision === 0 && stored !== undefined) return stored;
    if (experiment.revision !== (stored?.revision ?? 0)) throw new RevisionConflict('experiment', experiment.id);
    this.saves += 1;
    const saved = { ...experiment, revision: experiment.revision + 1 };
    this.experiments.set(saved.id, saved);
    return saved;
  }
}

export class FakePairLog extends PairLog {
  readonly pairs: EnteredPair[] = [];
  override async list() {
    return [...this.pairs];
  }
  override async append(_experiment: string, pairs: readonly EnteredPair[]) {
    const known = new Set(this.pairs.map((pair) => pair.requestId));
    this.pairs.push(...pairs.filter((pair) => !known.has(pair.requestId)));
  }
}

/** Says what the test puts in. */
export class FakeAnswerLedger extends AnswerLedger {
  answers: PairedAnswer[] = [];
  override async labelledAfter(): Promise<LabelledAnswer[]> {
    return [];
  }
  override async pairs() {
    return this.answers;
  }
}
