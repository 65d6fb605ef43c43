import type { Digest } from '../kernel/index.js';
import type { Gate, TrafficTarget } from '../models/index.js';
import type { GateReading, Rollout } from './domain/rollout.js';

export abstract class RolloutStore {
  abstract find(id: string): Promise<Rollout | null>;
  abstract require(id: string): Promise<Rollout>;
  /** Newest first. */
  abstract list(model: string): Promise<Rollout[]>;
  abstract listUnfinished(): Promise<Rollout[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(rollout: Rollout): Promise<Rollout>;
}

/** What somebody wants of a rollout. Kept apart from its status, so that no running pass can overwrite it. */
export interface RolloutRequest {
  readonly verb: 'pause' | 'resume' | 'abort';
  readonly by: string;
  readonly reason: string;
}

/** The newest request for each rollout; an abort is never replaced by anything else. */
export abstract class RolloutRequests {
  /** Joins the unit of work. */
  abstract put(rollout: string, request: RolloutRequest): Promise<void>;
  abstract find(rollout: string): Promise<RolloutRequest | null>;
  /** Forgets a pause or resume that was carried out; an abort stays. */
  abstract clear(rollout: string, verb: 'pause' | 'resume'): Promise<void>;
  /** Until the unit of work ends nobody else gets past this for the same rollout: asking and promoting exclude each other. */
  abstract lock(rollout: string): Promise<void>;
}

/** How promotions, downstream, ends a rollout that is ready. */
export abstract class RolloutEndings {
  /** The candidate is champion now. Joins the unit of work. Idempotent. @throws PhaseConflict when it is not Ready */
  abstract markPromoted(rollout: string): Promise<void>;
  /** Asks for an abort, which wins over everything but a finished promotion. Joins the unit of work. */
  abstract requestAbort(rollout: string, by: string, reason: string): Promise<void>;
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
}

/** Moves traffic on some data plane. Every call states the wanted end, so it can be repeated on every pass. */
export abstract class TrafficRouter {
  /** Gives the candidate `weight` percent until `confirmBy`; 0 takes it out. */
  abstract setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void>;
  /** Never throws: what cannot be seen is a null weight with a reason. */
  abstract observe(order: TrafficOrder): Promise<TrafficSight>;
  /** Everything to the champion. Must not depend on metrics and works from any state. */
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
