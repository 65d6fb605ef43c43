import type { Digest } from '../kernel/index.js';
import type { Gate } from '../models/index.js';
import type { GateReading, Rollout, RolloutRequests, RolloutWish } from './domain/rollout.js';

export abstract class RolloutStore {
  abstract find(id: string): Promise<Rollout | null>;
  abstract require(id: string): Promise<Rollout>;
  /** Newest first. */
  abstract list(model: string): Promise<Rollout[]>;
  abstract listUnfinished(): Promise<Rollout[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(rollout: Rollout): Promise<Rollout>;
}

/** What people asked a rollout to do. Kept apart from its status, so that asking never loses against a running pass. */
export abstract class RolloutRequestStore {
  abstract find(rollout: string): Promise<RolloutRequests>;
  /**
   * Until the unit of work ends, nobody else gets this far with the same rollout: asking and promoting exclude each other.
   * Must be called inside a unit of work.
   */
  abstract lock(rollout: string): Promise<void>;
  /** Idempotent: the first one stands. Joins the unit of work. */
  abstract abort(rollout: string, wish: RolloutWish): Promise<void>;
  /** null takes the pause back. Joins the unit of work. */
  abstract pause(rollout: string, wish: RolloutWish | null): Promise<void>;
}

/** How promotions ends a rollout. Both join the unit of work. */
export abstract class RolloutEndings {
  /**
   * Ready becomes Promoted; a no-op when it is already.
   * @throws PhaseConflict when it is in another phase or an abort was asked for: abort wins
   */
  abstract markPromoted(rollout: string): Promise<void>;
  /** Asks for the abort of an unfinished rollout; the next pass gives traffic back. No-op when it has ended. */
  abstract requestAbort(rollout: string, by: string, reason: string): Promise<void>;
}

/** Moves traffic on some data plane. Every call states the wanted end, so it can be repeated on every pass. */
export abstract class TrafficRouter {
  /** Gives the candidate `weight` percent until `confirmBy`; 0 takes it out. */
  abstract setWeight(
    model: string,
    split: { readonly champion: Digest; readonly candidate: Digest; readonly weight: number; readonly salt: string; readonly confirmBy: Date },
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
