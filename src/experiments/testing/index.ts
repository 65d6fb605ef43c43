import { type Digest, NotFound, RatchetError, RevisionConflict } from '../../kernel/index.js';
import { Scorer } from '../../serving/index.js';
import {
  AnswerLedger,
  type LabelledAnswer,
  type PairedAnswer,
  SampleStore,
  type Snapshot,
} from '../../telemetry/index.js';
import type { Difference } from '../domain/betting.js';
import type { EnteredPair } from '../domain/enter-pairs.js';
import type { Experiment, ExperimentSpec, ExperimentStatus } from '../domain/experiment.js';
import { ExperimentStore, PairLog, QualityAllowance } from '../ports.js';

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
  failNextSave = false;

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
    if (this.failNextSave) {
      this.failNextSave = false;
      throw new Error('the process died');
    }
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

/** One request that champion and candidate both answered. */
export function aPair(
  requestId: string,
  champion: number,
  candidate: number,
  label: number | null,
  at: Date = T0,
): PairedAnswer {
  return { requestId, at, champion, candidate, label };
}

/** Keeps the input of every request that `keeps` says. */
export class FakeInputs extends SampleStore {
  keeps = (_requestId: string): boolean => true;
  override async after() {
    return [];
  }
  override async inputs(_model: string, requestIds: readonly string[]) {
    return new Map(requestIds.filter((id) => this.keeps(id)).map((id) => [id, new Float32Array([1, 2])]));
  }
  override async labels() {
    return new Map<string, number>();
  }
  override async count() {
    return { rows: 0, labelled: 0 };
  }
  override async snapshot(): Promise<Snapshot> {
    throw new Error('an experiment freezes no samples');
  }
}

class ReferenceAway extends RatchetError {
  readonly code = 'unavailable';
}

/** Answers class 1 to everything, unless it is away. */
export class FakeScorer extends Scorer {
  away = false;
  override async score(_model: string, _digest: Digest, _inputs: Float32Array, rows: number) {
    if (this.away) throw new ReferenceAway('the reference is away');
    return Array.from({ length: rows }, () => ({ prediction: 1, confidence: 1 }));
  }
}

export class FakeAllowance extends QualityAllowance {
  left = 0.02;
  override async remaining() {
    return this.left;
  }
}
