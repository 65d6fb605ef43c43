import { type Digest, NotFound, RatchetError, RevisionConflict } from '../../kernel/index.js';
import { Scorer } from '../../serving/index.js';
import {
  AnswerLedger,
  type LabelledAnswer,
  type PairBounds,
  type PairedAnswer,
  type Sample,
  SampleStore,
  type Snapshot,
  type Window,
  WindowStore,
} from '../../telemetry/index.js';
import type { Difference } from '../domain/betting.js';
import type { EnteredPair } from '../domain/enter-pairs.js';
import type { Experiment, ExperimentSpec, ExperimentStatus } from '../domain/experiment.js';
import type { LiveProgress } from '../domain/live-progress.js';
import type { ShadowProgress } from '../domain/shadow-progress.js';
import { ExperimentStore, PairLog, ProgressStore, QualityAllowance } from '../ports.js';

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
  const { margin = 0.01, alpha = 0.05 } = over;
  return {
    id: 'digits-t1-c1-x',
    model: 'digits',
    spec: {
      ...{ candidate: 'digits-t1-c1', candidateVersion: CANDIDATE, champion: CHAMPION, reference: CHAMPION },
      ...{ margin, alpha, mirrorFraction: 1, maxSamples: 6_000, maxSeconds: 120 },
      ...{ mode: 'shadow', weight: 50, salt: 'digits-t1-c1-x', plan: null, objection: null },
      metrics: [{ name: 'quality', kind: 'paired-quality', margin, alpha, disagreement: null }],
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
  override async known(_experiment: string, requestIds: readonly string[]) {
    const asked = new Set(requestIds);
    return new Set(this.pairs.map((pair) => pair.requestId).filter((id) => asked.has(id)));
  }
  override async append(_experiment: string, after: number, pairs: readonly EnteredPair[]) {
    if (after !== this.pairs.length) throw new RevisionConflict('pair', String(after));
    this.pairs.push(...pairs);
  }
}

/** Progress in memory, through JSON as the real store does. */
export class FakeProgressStore extends ProgressStore {
  readonly progress = new Map<string, string>();
  override async find(experiment: string) {
    const text = this.progress.get(experiment);
    return text === undefined ? null : (JSON.parse(text) as ShadowProgress | LiveProgress);
  }
  override async save(experiment: string, progress: ShadowProgress | LiveProgress) {
    this.progress.set(experiment, JSON.stringify(progress));
  }
}

/** Says what the test puts in, with the rules of the real one; a label's sequence is its place. */
export class FakeAnswerLedger extends AnswerLedger {
  answers: PairedAnswer[] = [];
  labelled: LabelledAnswer[] = [];
  private readonly sequences = new Map<string, number>();

  override async labelledAfter(_model: string, version: Digest, after: number, limit: number) {
    return this.labelled.filter((each) => each.version === version && each.sequence > after).slice(0, limit);
  }
  override async pairs(_model: string, _champion: Digest, _candidate: Digest, bounds: PairBounds) {
    for (const { requestId, label } of this.answers)
      if (label !== null && !this.sequences.has(requestId)) this.sequences.set(requestId, this.sequences.size + 1);
    const all = this.answers.map((pair) => ({ ...pair, sequence: this.sequences.get(pair.requestId) ?? null }));
    const labelled = all
      .filter(({ sequence }) => sequence !== null && sequence > bounds.labelledAfter)
      .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
    const unlabelled = all
      .filter(({ sequence, at }) => sequence === null && at >= bounds.unlabelledFrom && at <= bounds.unlabelledUntil)
      .sort((a, b) => a.at.getTime() - b.at.getTime());
    return [...labelled.slice(0, bounds.labelled), ...unlabelled.slice(0, bounds.unlabelled)];
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
  return { requestId, at, champion, candidate, label, sequence: null };
}

/** Keeps the input of every request that `keeps` says. */
export class FakeInputs extends SampleStore {
  keeps = (_requestId: string): boolean => true;
  samples: Sample[] = [];
  override async after(_model: string, version: Digest, after: number, limit: number) {
    return this.samples.filter((each) => each.version === version && each.sequence > after).slice(0, limit);
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

/** Answers class 1 to everything, or what the test says of a version, unless it is away. */
export class FakeScorer extends Scorer {
  away = false;
  readonly says = new Map<Digest, number>();
  override async score(_model: string, digest: Digest, _inputs: Float32Array, rows: number) {
    if (this.away) throw new ReferenceAway('the reference is away');
    return Array.from({ length: rows }, () => ({ prediction: this.says.get(digest) ?? 1, confidence: 1 }));
  }
}

/** Windows that the test puts in. */
export class FakeWindows extends WindowStore {
  windows: Window[] = [];
  override async list(model: string, version: Digest, since: Date) {
    return (await this.listModel(model, since)).filter((window) => window.version === version);
  }
  override async listModel(model: string, since: Date) {
    return this.windows.filter((window) => window.model === model && window.start >= since);
  }
}

export class FakeAllowance extends QualityAllowance {
  left = 0.02;
  override async remaining() {
    return this.left;
  }
}
