import type { Digest } from '../kernel/index.js';
import type { Gate } from '../models/index.js';
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

/** Moves traffic on some data plane. Every call states the wanted end, so it can be repeated on every pass. */
export abstract class TrafficRouter {
  /** Gives the candidate `weight` percent until `confirmBy`; 0 takes it out. */
  abstract setWeight(
    model: string,
    split: {
      readonly champion: Digest;
      readonly candidate: Digest;
      readonly weight: number;
      readonly salt: string;
      readonly confirmBy: Date;
    },
  ): Promise<void>;
  /** The share that the data plane really gives the candidate, in percent; null when that cannot be seen now. */
  abstract actualWeight(model: string, candidate: Digest): Promise<number | null>;
  /** Everything to the champion. Must not depend on metrics and works from any state. */
  abstract giveBack(model: string, champion: Digest): Promise<void>;
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
