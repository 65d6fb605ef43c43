import { NotFound, RevisionConflict } from '../../kernel/index.js';
import { digestOf, T0 } from '../../jobs/testing/jobs.js';
import type { Candidate, CandidateSpec, EvaluationOutcome, MeasuredEvaluation } from '../domain/candidate.js';
import { CandidateStore, type EvaluationRequest, Evaluator } from '../ports.js';

export function pendingCandidate(over: Partial<CandidateSpec> = {}, id = 'digits-t1-c1'): Candidate {
  return {
    id,
    model: 'digits',
    spec: {
      digest: digestOf('b'),
      reference: digestOf('a'),
      champion: digestOf('a'),
      trigger: 'digits-t1',
      job: 'digits-t1-job',
      cause: 'no-compressed-champion',
      holdout: digestOf('d'),
      submittedBy: null,
      ...over,
    },
    status: { phase: 'Pending' },
    revision: 0,
    createdAt: T0,
    updatedAt: T0,
  };
}

/** A good evaluation on 500 rows, with what a test wants otherwise. */
export function evaluationOf(over: Partial<MeasuredEvaluation> = {}): MeasuredEvaluation {
  return {
    at: T0,
    dataset: { digest: digestOf('d'), rows: 500, labelled: 400, from: T0, until: T0 },
    accuracy: {
      candidate: { value: 0.97, samples: 400 },
      reference: { value: 0.9725, samples: 400 },
      champion: { value: 0.9725, samples: 400 },
    },
    agreement: { candidate: { value: 0.99, samples: 500 }, champion: { value: 1, samples: 500 } },
    noiseAccuracy: { candidate: { value: 0.96, samples: 400 }, reference: { value: 0.965, samples: 400 } },
    paired: { samples: 400, lost: 3, gained: 2 },
    size: { candidateBytes: 123_000, referenceBytes: 342_000, ratio: 123 / 342 },
    latency: { candidateMs: 0.5, referenceMs: 1, championMs: 1, speedup: 2, overChampion: 2, rounds: 40 },
    peakRssBytes: 2e8,
    warnings: [],
    ...over,
  };
}

/** Candidates in memory, with revisions like the real store. */
export class FakeCandidateStore extends CandidateStore {
  readonly candidates = new Map<string, Candidate>();

  constructor(...candidates: Candidate[]) {
    super();
    for (const candidate of candidates)
      this.candidates.set(candidate.id, { ...candidate, revision: Math.max(1, candidate.revision) });
  }
  async find(id: string) {
    return this.candidates.get(id) ?? null;
  }
  async require(id: string) {
    const candidate = this.candidates.get(id);
    if (candidate === undefined) throw new NotFound('candidate', id);
    return candidate;
  }
  async list(model: string) {
    return [...this.candidates.values()].filter((candidate) => candidate.model === model).reverse();
  }
  async listUnfinished() {
    return [...this.candidates.values()].filter(
      ({ status }) => status.phase === 'Pending' || status.phase === 'Evaluating',
    );
  }
  async ofTriggerExclusively(trigger: string) {
    return [...this.candidates.values()].filter((candidate) => candidate.spec.trigger === trigger);
  }
  async save(candidate: Candidate) {
    const stored = this.candidates.get(candidate.id);
    if (candidate.revision === 0 && stored !== undefined) return stored;
    if (stored !== undefined && stored.revision !== candidate.revision)
      throw new RevisionConflict('candidate', candidate.id);
    const saved = { ...candidate, revision: candidate.revision + 1 };
    this.candidates.set(candidate.id, saved);
    return saved;
  }
}

/** Answers what the test says, and remembers what it was asked. */
export class FakeEvaluator extends Evaluator {
  readonly asked: EvaluationRequest[] = [];
  result: EvaluationOutcome | Error = { kind: 'measured', evaluation: evaluationOf() };

  async evaluate(request: EvaluationRequest) {
    this.asked.push(request);
    if (this.result instanceof Error) throw this.result;
    return this.result;
  }
}
