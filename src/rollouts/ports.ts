import type { Digest } from '../kernel/index.js';
import type { Gate, TrafficTarget } from '../models/index.js';
import type { RolloutDecision } from './domain/advance-rollout.js';
import type { RolloutObservation, RolloutRequest, RolloutVerb } from './domain/observation.js';
import type { GateReading, Rollout, RolloutStatus } from './domain/rollout.js';

export type { RolloutRequest, RolloutVerb } from './domain/observation.js';

export abstract class RolloutStore {
  abstract find(id: string): Promise<Rollout | null>;
  abstract require(id: string): Promise<Rollout>;
  /** Newest first. */
  abstract list(model: string): Promise<Rollout[]>;
  /** Those that something is still decided about. */
  /** Of one model, or of all. */
  abstract listUnfinished(model?: string): Promise<Rollout[]>;
  /** Those that have ended while the data plane was not seen to follow yet. */
  abstract listUnsettled(): Promise<Rollout[]>;
  /** Every rollout of a candidate, the first attempt first. */
  abstract ofCandidate(candidate: string): Promise<Rollout[]>;
  /**
   * Another rollout of the same model or the same target that has its traffic, or has not given it back yet; null = none.
   * Inside a unit of work it also keeps everybody else from claiming that model or target until the work ends.
   */
  abstract blocking(rollout: Rollout): Promise<string | null>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(rollout: Rollout): Promise<Rollout>;
}

/** The newest request for each rollout; an abort is never replaced by anything else. */
export abstract class RolloutRequests {
  /** Joins the unit of work. */
  abstract put(rollout: string, request: RolloutRequest): Promise<void>;
  abstract find(rollout: string): Promise<RolloutRequest | null>;
  /** Forgets a request that was answered; an abort stays. */
  abstract clear(rollout: string, verb: Exclude<RolloutVerb, 'abort'>): Promise<void>;
  /** Until the unit of work ends nobody else gets past this for the same rollout: asking and promoting exclude each other. */
  abstract lock(rollout: string): Promise<void>;
}

/** What the last pass saw; kept apart from the status, so that fresh numbers do not raise the rollout's revision. */
export interface RolloutSight {
  readonly at: Date;
  /** As they were read, dry runs included. */
  readonly readings: readonly GateReading[];
  /** Until when the data plane keeps the weight; null = none is set. */
  readonly confirmBy: Date | null;
  /** What the data plane says beside the weight; null = nothing. */
  readonly actualReason: string | null;
  /** Why the router did not take what was wanted; null = it did. */
  readonly routerError: string | null;
  /** How often in a row the end was stated without the data plane being seen to follow. */
  readonly closingAttempts: number;
}

/** One sight a rollout, replaced with every pass. */
export abstract class RolloutSights {
  abstract put(rollout: string, sight: RolloutSight): Promise<void>;
  abstract find(rollout: string): Promise<RolloutSight | null>;
}

/** One decision with everything that it rested on: `advanceRollout` on `before` and `observation` gives `decision` again. */
export interface DecisionRecord {
  readonly rollout: string;
  /** The revision of the rollout that the decision made; rises, with gaps. */
  readonly seq: number;
  readonly at: Date;
  readonly before: RolloutStatus;
  /** null when another stage decided: promotions made the candidate champion. */
  readonly observation: RolloutObservation | null;
  readonly decision: RolloutDecision;
  /** sha256 of the policy in canonical JSON. */
  readonly policy: Digest;
  /** `DECISION_VERSION` of the functions that decided. */
  readonly functions: string;
}

/**
 * Decisions that changed something or answered somebody, append-only. Bounded: the newest 1,000 of a rollout, and none older
 * than 90 days; how the attempt ended stays in the promotions' record.
 */
export abstract class DecisionLog {
  /** Joins the unit of work. Idempotent by rollout and seq. */
  abstract append(record: DecisionRecord): Promise<void>;
  /** Oldest first, from the seq after `after` on. */
  abstract list(rollout: string, after: number, limit: number): Promise<DecisionRecord[]>;
}

/** How promotions, downstream, ends a rollout that is ready. */
export abstract class RolloutEndings {
  /** The candidate is champion now. Joins the unit of work. Idempotent. @throws PhaseConflict when it is not Ready */
  abstract markPromoted(rollout: string): Promise<void>;
  /** Asks for an abort, which wins over everything but a finished promotion. Joins the unit of work. */
  abstract requestAbort(rollout: string, by: string, reason: string): Promise<void>;
  /**
   * A promotion was taken back: from now on the data plane is brought to serve `champion` again. Joins the unit of work.
   * Idempotent. Returns the rollout that states it.
   */
  abstract openReturn(
    rollout: string,
    back: { readonly from: Digest; readonly to: Digest; readonly promotion: string },
  ): Promise<Rollout>;
}

/** What a data plane has to know of one rollout. */
export interface TrafficOrder {
  readonly rollout: string;
  readonly model: string;
  readonly target: TrafficTarget;
  readonly champion: Digest;
  readonly candidate: Digest;
  /** Makes assignments sticky for this rollout. */
  readonly salt: string;
}

/** What can be seen of a data plane. */
export interface TrafficSight {
  /** The share that it really gives the candidate, in percent; null when that cannot be seen now. */
  readonly weight: number | null;
  /** Why the weight is null or not what was set; null when there is nothing to say. */
  readonly reason: string | null;
  /** True when the guardian (or the data plane itself) took the traffic back because nobody confirmed the weight in time. */
  readonly lapsed: boolean;
  /** True when the route cannot be used as it stands: waiting does not help, its owner has to change it. Absent = false. */
  readonly refused?: boolean;
}

/** Moves traffic on some data plane. Every call states the wanted end, so it can be repeated on every pass. */
export abstract class TrafficRouter {
  /**
   * Gives the candidate `weight` percent until `confirmBy`; 0 takes it out. A data plane that cannot be reached now, or
   * that refuses, is no error here: `observe` says what it really does and why.
   */
  abstract setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void>;
  /** Never throws: what cannot be seen is a null weight with a reason. */
  abstract observe(order: TrafficOrder): Promise<TrafficSight>;
  /**
   * Everything to the champion. Must not depend on metrics and works from any state, also when the route is gone.
   * @throws RatchetError, retryable, while the data plane cannot be reached: the traffic is not back then
   */
  abstract giveBack(order: TrafficOrder, champion: Digest): Promise<void>;
  /**
   * After the promotion: the stable backend serves the new champion and gets everything. True once that is so; until then
   * it is called again on later passes.
   */
  abstract settle(order: TrafficOrder): Promise<boolean>;
}

/** Measures one gate over telemetry newer than `notBefore`. Never throws for missing data: that is a BLIND reading. */
export abstract class GateMeter {
  abstract read(
    model: string,
    gate: Gate,
    versions: { readonly champion: Digest; readonly candidate: Digest },
    notBefore: Date,
  ): Promise<GateReading>;
}

/**
 * Says what is wrong with a gate before its document is accepted, in sentences; empty when it can be read. A gate that nobody
 * here can read (PromQL without a Prometheus) is wrong; a source that does not answer now is not.
 */
export abstract class GateAdmission {
  abstract check(gate: Gate): Promise<string[]>;
}
