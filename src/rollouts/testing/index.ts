import {
  type Digest,
  NotFound,
  PhaseConflict,
  RevisionConflict,
  type Verdict,
  withStatus,
} from '../../kernel/index.js';
import type { Gate, RolloutPolicy } from '../../models/index.js';
import { type GateReading, isEnded, isSettled, type Rollout, type RolloutStatus } from '../domain/rollout.js';
import { reviveDates } from '../../platform/postgres/index.js';
import {
  DecisionLog,
  type DecisionRecord,
  GateMeter,
  RolloutEndings,
  type RolloutRequest,
  RolloutRequests,
  type RolloutSight,
  RolloutSights,
  RolloutStore,
  type TrafficOrder,
  TrafficRouter,
} from '../ports.js';

export const T0 = new Date('2026-01-01T00:00:00.000Z');
/** So many seconds after T0. */
export const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
export const CHAMPION = digest('a');
export const CANDIDATE = digest('b');
export const OTHER = digest('c');

export const GATE: Gate = { kind: 'error-ratio', max: 0.01, minimumSamples: 30 };

/** Two steps of 10 and 50 percent, held 3 s each, with one gate each. */
export const POLICY: RolloutPolicy = {
  steps: [
    { weight: 10, holdSeconds: 3, gates: [GATE] },
    { weight: 50, holdSeconds: 3, gates: [GATE] },
  ],
  ...{ blindSeconds: 20, undecidedSeconds: 40, confirmSeconds: 10 },
};

/** The rollout of the candidate `digits-t1-c1`. */
export function aRollout(status: RolloutStatus = { phase: 'Pending' }, policy: RolloutPolicy = POLICY): Rollout {
  return {
    ...{ id: 'digits-t1-c1-r', model: 'digits', status, revision: 0, createdAt: T0, updatedAt: T0 },
    spec: {
      ...{ experiment: 'digits-t1-c1-x', candidate: 'digits-t1-c1', candidateVersion: CANDIDATE },
      ...{ champion: CHAMPION, policy, salt: 'salt' },
    },
  };
}

/** Progressing, in force since T0 unless a test says otherwise. */
export function progressing(
  over: Partial<Extract<RolloutStatus, { phase: 'Progressing' }>> = {},
): Extract<RolloutStatus, { phase: 'Progressing' }> {
  const fresh = { inForceSince: T0, stepSince: T0, blindSince: null, blindMs: 0, readings: [] };
  return { phase: 'Progressing', step: 0, ...fresh, ...over };
}

/** What the gate says, on evidence as new as `newestAt`; without evidence when `samples` is null. */
export function aReading(verdict: Verdict, newestAt = at(5), samples: number | null = 100): GateReading {
  const evidence = { name: 'error_ratio', value: 0, series: 1, warnings: [], query: 'windows' };
  return {
    ...{ gate: GATE, verdict, reason: `said ${verdict}`, at: newestAt },
    evidence: samples === null ? [] : [{ ...evidence, samples, newestAt }],
  };
}

/** Rollouts in memory, with revisions like the real store. */
export class FakeRolloutStore extends RolloutStore {
  readonly rollouts = new Map<string, Rollout>();
  failNextSave = false;

  override async find(id: string) {
    return this.rollouts.get(id) ?? null;
  }
  override async require(id: string) {
    const found = await this.find(id);
    if (found === null) throw new NotFound('rollout', id);
    return found;
  }
  override async list(model: string) {
    return [...this.rollouts.values()].filter((each) => each.model === model).reverse();
  }
  override async listUnfinished() {
    return [...this.rollouts.values()].filter(({ status }) => !isEnded(status));
  }
  override async listUnsettled() {
    return [...this.rollouts.values()].filter(({ status }) => isEnded(status) && !isSettled(status));
  }
  override async ofCandidate(candidate: string) {
    return [...this.rollouts.values()].filter(({ spec }) => spec.candidate === candidate && spec.undoes === undefined);
  }
  override async blocking({ id, model, spec }: Rollout) {
    const target = JSON.stringify(spec.policy.target ?? null);
    const found = [...this.rollouts.values()].find(
      (other) =>
        other.id !== id &&
        (other.model === model || (target !== 'null' && JSON.stringify(other.spec.policy.target) === target)) &&
        other.status.phase !== 'Pending' &&
        !isSettled(other.status),
    );
    return found?.id ?? null;
  }
  override async save(rollout: Rollout) {
    const stored = this.rollouts.get(rollout.id);
    if (rollout.revision === 0 && stored !== undefined) return stored;
    if (rollout.revision !== (stored?.revision ?? 0)) throw new RevisionConflict('rollout', rollout.id);
    if (this.failNextSave) {
      this.failNextSave = false;
      throw new Error('the process died');
    }
    const saved = { ...rollout, revision: rollout.revision + 1 };
    this.rollouts.set(saved.id, saved);
    return saved;
  }
}

export class FakeRolloutRequests extends RolloutRequests {
  readonly requests = new Map<string, RolloutRequest>();
  override async put(rollout: string, request: RolloutRequest) {
    if (this.requests.get(rollout)?.verb !== 'abort') this.requests.set(rollout, request);
  }
  override async find(rollout: string) {
    return this.requests.get(rollout) ?? null;
  }
  override async clear(rollout: string, verb: RolloutRequest['verb']) {
    if (this.requests.get(rollout)?.verb === verb) this.requests.delete(rollout);
  }
  override async lock() {}
}

export class FakeRolloutSights extends RolloutSights {
  readonly sights = new Map<string, RolloutSight>();
  override async put(rollout: string, sight: RolloutSight) {
    this.sights.set(rollout, sight);
  }
  override async find(rollout: string) {
    return this.sights.get(rollout) ?? null;
  }
}

/** Keeps records as the database would give them back: what JSON loses is lost. */
export class FakeDecisionLog extends DecisionLog {
  readonly records: DecisionRecord[] = [];
  override async append(record: DecisionRecord) {
    if (this.records.some(({ rollout, seq }) => rollout === record.rollout && seq === record.seq)) return;
    this.records.push(reviveDates(JSON.parse(JSON.stringify(record))) as DecisionRecord);
  }
  override async list(rollout: string, after: number, limit: number) {
    return this.records.filter((each) => each.rollout === rollout && each.seq > after).slice(0, limit);
  }
}

/** A data plane that does at once what it is told, unless `sees` is false or `lapsed` is true. */
export class FakeTrafficRouter extends TrafficRouter {
  weight = 0;
  stable: Digest | null = null;
  confirmBy: Date | null = null;
  sees = true;

  lapsed = false;
  settled: TrafficOrder | null = null;
  /** Whether the stable backend serves the new champion already. */
  settles = true;
  /** How many of the next calls fail. */
  failing = 0;
  calls: string[] = [];

  private called(call: string): void {
    this.calls.push(call);
    if (this.failing === 0) return;
    this.failing -= 1;
    throw new Error('the API server does not answer');
  }

  override async setWeight(_order: TrafficOrder, weight: number, confirmBy: Date) {
    this.called(`set ${weight}`);
    this.weight = weight;
    this.confirmBy = confirmBy;
  }
  override async observe() {
    return { weight: this.sees ? this.weight : null, reason: this.sees ? null : 'unseen', lapsed: this.lapsed };
  }
  override async giveBack(_order: TrafficOrder, champion: Digest) {
    this.called('give back');
    this.weight = 0;
    this.stable = champion;
  }
  override async settle(order: TrafficOrder) {
    this.called('settle');
    this.settled = order;
    return this.settles;
  }
}

/** Says what the test puts in, on evidence as new as the clock. */
export class FakeGateMeter extends GateMeter {
  verdict: Verdict = 'PASS';
  constructor(private readonly now: () => Date) {
    super();
  }
  override async read() {
    const blind = this.verdict === 'BLIND';
    return aReading(this.verdict, this.now(), blind ? null : 100);
  }
}

/** Ends rollouts of the fake store as the real one does: an abort that was asked for wins. */
export class FakeRolloutEndings extends RolloutEndings {
  readonly aborts: { rollout: string; by: string; reason: string }[] = [];
  constructor(private readonly rollouts: FakeRolloutStore) {
    super();
  }
  override async markPromoted(id: string) {
    const rollout = await this.rollouts.require(id);
    if (rollout.status.phase === 'Promoted') return;
    const aborted = this.aborts.some((abort) => abort.rollout === id);
    if (aborted || rollout.status.phase !== 'Ready')
      throw new PhaseConflict('rollout', id, rollout.status.phase, 'promote');
    await this.rollouts.save(withStatus(rollout, { phase: 'Promoted', at: T0 }));
  }
  override async requestAbort(rollout: string, by: string, reason: string) {
    this.aborts.push({ rollout, by, reason });
  }
  override async openReturn(id: string, { from, to, promotion }: Parameters<RolloutEndings['openReturn']>[1]) {
    const undone = await this.rollouts.require(id);
    return this.rollouts.save({
      ...{ id: `${promotion}-t`, model: undone.model, revision: 0, createdAt: T0, updatedAt: T0 },
      spec: { ...undone.spec, champion: from, candidateVersion: to, undoes: id },
      status: { phase: 'Promoted', at: T0, settledAt: null },
    });
  }
}
