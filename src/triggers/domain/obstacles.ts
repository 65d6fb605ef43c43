import type { TriggerPolicy } from '../../models/index.js';
import { quietUntil } from './quiet-hours.js';
import type { LadderCause } from './remedy-ladder.js';
import type { Remedy } from './remedy.js';
import { budgetState, type TriggerCharge } from './trigger-budget.js';
import type { Trigger } from './trigger.js';

/** An experiment or rollout of a model that has not ended. */
export interface OpenChange {
  readonly kind: 'experiment' | 'rollout';
  readonly id: string;
  readonly phase: string;
}

/** Why a trigger is not opened now. */
export interface Obstacle {
  /** `wait`: time or traffic will do it. `refuse`: something else must end, or somebody must act. */
  readonly action: 'wait' | 'refuse';
  readonly reason: string;
  /** Until when; null when it depends on something else than time. */
  readonly until: Date | null;
}

/** What obstacles are looked for in. */
export interface Surroundings {
  readonly policy: Pick<
    TriggerPolicy,
    'coolDownSeconds' | 'quietHours' | 'runnerSecondsPerDay' | 'gpuSecondsPerDay' | 'minimumSamples' | 'minimumLabelled'
  >;
  readonly triggers: readonly Trigger[];
  readonly lockHolder: string | null;
  readonly changes: readonly OpenChange[];
  readonly charges: readonly TriggerCharge[];
  readonly fresh: { readonly rows: number; readonly labelled: number };
  readonly now: Date;
}

/**
 * The first thing that holds a trigger back, or null: cool-down, quiet hours, a change of what serves that is under way,
 * the budgets of runner and GPU time, too few samples.
 *
 * No cause is exempt from quiet hours: what must happen at once, giving traffic back, is the gates' and the guardian's
 * work and needs no trigger. A trigger by hand is not held back by them.
 */
export function obstacleTo(cause: LadderCause, remedy: Remedy, around: Surroundings): Obstacle | null {
  return (
    coolingDown(cause, around) ??
    quiet(around) ??
    changing(around) ??
    overBudget(remedy, around) ??
    short(cause, around)
  );
}

/** The end of the cool-down after the last trigger; the very first compression of a model has nothing to cool down from. */
export function coolDownEnd(
  cause: LadderCause | null,
  triggers: readonly Trigger[],
  policy: Pick<TriggerPolicy, 'coolDownSeconds'>,
): Date | null {
  if (cause === 'no-compressed-champion' && triggers.every((trigger) => trigger.spec.cause !== cause)) return null;
  const ends = triggers.flatMap(({ status }) => (status.phase === 'Resolved' ? [status.at.getTime()] : []));
  return ends.length === 0 ? null : new Date(Math.max(...ends) + policy.coolDownSeconds * 1000);
}

function coolingDown(cause: LadderCause, { triggers, policy, now }: Surroundings): Obstacle | null {
  const until = coolDownEnd(cause, triggers, policy);
  if (until === null || until <= now) return null;
  return { action: 'wait', reason: `Cool-down after the last trigger until ${until.toISOString()}.`, until };
}

function quiet({ policy, now }: Surroundings): Obstacle | null {
  const until = quietUntil(policy.quietHours, now);
  if (until === null) return null;
  return { action: 'wait', reason: `Quiet hours until ${until.toISOString()}.`, until };
}

function changing({ lockHolder, changes }: Surroundings): Obstacle | null {
  const open = changes.map(({ kind, id, phase }) => `${kind} ${id} is ${phase}`);
  if (lockHolder !== null) {
    const which = open.length === 0 ? '' : ` (${open.join(', ')})`;
    const reason = `What serves is being changed by ${lockHolder}${which}; until that has ended nothing is opened.`;
    return { action: 'refuse', reason, until: null };
  }
  if (open.length === 0) return null;
  return { action: 'wait', reason: `Until it has ended nothing is opened: ${open.join(', ')}.`, until: null };
}

function overBudget(remedy: Remedy, { policy, charges, now }: Surroundings): Obstacle | null {
  const runner = budgetState(charges, 'runnerSeconds', policy.runnerSecondsPerDay, now);
  if (runner.leftSeconds === 0) return spent('runner', runner);
  const gpu = budgetState(charges, 'gpuSeconds', policy.gpuSecondsPerDay, now);
  // A budget of no GPU time at all does not hold back what needs none.
  if (gpu.leftSeconds === 0 && (gpu.spentSeconds > 0 || (remedy.gpus ?? 0) > 0)) return spent('GPU', gpu);
  return null;
}

function spent(what: 'runner' | 'GPU', state: ReturnType<typeof budgetState>): Obstacle {
  const until = state.renewsAt;
  const end = until === null ? 'as long as the budget is none' : `until ${until.toISOString()}`;
  const reason = `Triggers have spent ${Math.round(state.spentSeconds)} of ${state.budgetSeconds} ${what} seconds in 24 hours; nothing is opened ${end}.`;
  return { action: 'refuse', reason, until };
}

function short(cause: LadderCause, { fresh, policy }: Surroundings): Obstacle | null {
  const wait = (reason: string): Obstacle => ({ action: 'wait', reason, until: null });
  if (fresh.rows < policy.minimumSamples)
    return wait(`${fresh.rows} of ${policy.minimumSamples} samples that the remedy needs.`);
  if (cause === 'world-changed' && fresh.labelled < policy.minimumLabelled)
    return wait(`${fresh.labelled} of ${policy.minimumLabelled} labelled samples that the remedy needs.`);
  return null;
}
