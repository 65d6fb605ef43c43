import { type Assessment, nameOf } from './gates.js';
import type { RolloutObservation, RolloutRequest, RolloutVerb } from './observation.js';
import type { GateReading, RollbackCause, Rollout, RolloutStatus, StatusOf } from './rollout.js';

/** Who acts when nobody asked. */
export const BY_ITSELF = 'system:rollouts';

/** The status that follows, and what became of a request. */
export interface Step {
  readonly status: RolloutStatus;
  readonly followed?: RolloutVerb;
  readonly refused?: string;
}

/** Enters a step, or waits for its approval first. */
export function enterStep(rollout: Rollout, step: number, seen: RolloutObservation, proven: number | null): Step {
  const next = rollout.spec.policy.steps[step];
  if (next === undefined)
    return rollBack(rollout, seen, 'no-gates', 'The policy has no step, and nothing seen lets nothing through.');
  if (next.approval !== true) return freshStep(step, seen, proven);
  return { status: { phase: 'AwaitingApproval', step, since: seen.now, readings: [], proven } };
}

/** The step from its beginning: nothing is in force and nothing was seen yet. */
export function freshStep(
  step: number,
  seen: RolloutObservation,
  proven: number | null,
  overruled: readonly string[] = [],
): Step {
  const fresh = { inForceSince: null, stepSince: seen.now, blindSince: null, blindMs: 0, readings: [] };
  return { status: { phase: 'Progressing', step, ...fresh, proven, overruled } };
}

/** Leaves the present step for the next one; it is proven when no gate was left out. */
export function leaveStep(
  rollout: Rollout,
  status: StatusOf<'Progressing'>,
  seen: RolloutObservation,
  { undecided, readings }: Assessment,
): Step {
  const proven =
    undecided.length === 0 && (status.overruled ?? []).length === 0 ? status.step : (status.proven ?? null);
  if (status.step + 1 < rollout.spec.policy.steps.length) return enterStep(rollout, status.step + 1, seen, proven);
  return { status: { phase: 'Ready', since: seen.now, readings, step: status.step, promotion: null, proven } };
}

/** Held because somebody said so. */
export function pauseFor(
  status: StatusOf<'Progressing' | 'Paused'>,
  seen: RolloutObservation,
  request: RolloutRequest,
): Step {
  const { by, reason } = request;
  const { step, proven = null } = status;
  return {
    status: { phase: 'Paused', step, since: seen.now, by, reason, cause: 'person', readings: [], proven },
    followed: 'pause',
  };
}

/** Held because signals said so. */
export function pauseOn(
  status: StatusOf<'Progressing'>,
  seen: RolloutObservation,
  signals: readonly GateReading[],
  what: string,
): Step {
  const said = signals.map(({ gate, reason }) => `${nameOf(gate)} ${what}: ${reason}`).join('; ');
  const gates = signals.map(({ gate }) => nameOf(gate));
  const { step, proven = null } = status;
  const paused = { phase: 'Paused', step, since: seen.now, by: BY_ITSELF, cause: 'signal', gates, proven } as const;
  return { status: { ...paused, reason: `The signal ${said}`, readings: signals } };
}

/** A request to go on that cannot be followed now is answered, not kept for a better moment. */
export function refuse(step: Step, { request }: RolloutObservation, why: string): Step {
  return request?.verb === 'advance' || request?.verb === 'promote' ? { ...step, refused: why } : step;
}

/** Everything goes back; only what its gates saw is charged to the candidate. */
export function rollBack(rollout: Rollout, seen: RolloutObservation, cause: RollbackCause, reason: string): Step {
  const step = 'step' in rollout.status ? (rollout.status.step ?? 0) : 0;
  const { now: at, readings } = seen;
  const charged = cause === 'gate-failed' || cause === 'undecided';
  const givenBackAt = untouched(rollout, seen);
  return { status: { phase: 'RolledBack', at, step, reason, cause, charged, readings, givenBackAt } };
}

/** Now, when this rollout never had any traffic, so that there is nothing to give back; otherwise null. */
export function untouched({ status }: Rollout, seen: RolloutObservation): Date | null {
  return status.phase === 'Pending' || (status.phase === 'AwaitingApproval' && status.step === 0) ? seen.now : null;
}
