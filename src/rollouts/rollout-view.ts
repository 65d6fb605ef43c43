import type { Clock } from '../kernel/index.js';
import type { Rollout } from './domain/rollout.js';
import { type Schedule, scheduleOf } from './domain/schedule.js';
import type { RolloutRequest, RolloutRequests, RolloutSight, RolloutSights } from './ports.js';

/** A rollout as people see it: what is so, what the last pass saw, what was asked and what lies ahead. */
export interface RolloutView extends Rollout {
  /** null before the first pass. */
  readonly observed: RolloutSight | null;
  /** What was asked and not answered yet. */
  readonly request: RolloutRequest | null;
  readonly schedule: Schedule;
}

/** Puts together what is kept apart so that passes, requests and revisions do not disturb each other. */
export class RolloutViews {
  constructor(
    private readonly sights: RolloutSights,
    private readonly requests: RolloutRequests,
    private readonly clock: Clock,
  ) {}

  async view(rollout: Rollout): Promise<RolloutView> {
    const [observed, request] = await Promise.all([this.sights.find(rollout.id), this.requests.find(rollout.id)]);
    return {
      ...rollout,
      observed,
      request,
      schedule: scheduleOf(rollout, this.clock.now(), observed?.confirmBy ?? null),
    };
  }
}
