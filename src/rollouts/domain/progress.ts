import { type Assessment, gatesOfStep, nameOf, roleOf } from './gates.js';
import type { RolloutObservation } from './observation.js';
import { type Rollout, type StatusOf, weightOf } from './rollout.js';
import { BY_ITSELF, leaveStep, pauseFor, pauseOn, refuse, rollBack, type Step } from './steps.js';
import { promoteEarly } from './waiting.js';

/** One pass of a step: what holds it first, then what its gates say. */
export function progress(
  rollout: Rollout,
  status: StatusOf<'Progressing'>,
  seen: RolloutObservation,
  view: Assessment | null,
): Step {
  if (!hasVoice(rollout, status.step))
    return rollBack(rollout, seen, 'no-gates', 'The step has no gate, and nothing seen lets nothing through.');
  if (seen.request?.verb === 'pause') return pauseFor(status, seen, seen.request);
  const alarmed = alarmedBy(view);
  if (alarmed !== null) return pauseOn(status, seen, alarmed, 'failed');
  if (seen.actualWeight !== weightOf(rollout)) return awaitWeight(rollout, status, seen);
  if (status.inForceSince === null || view === null)
    return refuse({ status: { ...seeing(status, seen.now), inForceSince: seen.now } }, seen, 'nothing is in force yet');
  const here = { ...status, inForceSince: status.inForceSince, readings: view.readings };
  if (view.blind !== null) return hold(rollout, here, seen, `Its gates can see nothing: ${view.blind}`);
  if (seen.request?.verb === 'advance') return { ...leaveStep(rollout, here, seen, view), followed: 'advance' };
  const sighted = { ...here, ...seeing(here, seen.now), inForceSince: here.inForceSince };
  return promoteEarly(rollout, here, seen, view) ?? judge(rollout, sighted, seen, view);
}

function alarmedBy(view: Assessment | null): Assessment['alarmed'] | null {
  return view === null || view.alarmed.length === 0 ? null : view.alarmed;
}

/** True when a gate of the step, or in the background, has a say. */
function hasVoice({ spec }: Rollout, step: number): boolean {
  return gatesOfStep(spec.policy, step).some(({ dryRun }) => dryRun !== true);
}

/** Every gate sees: the step is passed, waits, or has been undecided for too long. */
function judge(
  rollout: Rollout,
  status: StatusOf<'Progressing'> & { readonly inForceSince: Date },
  seen: RolloutObservation,
  view: Assessment,
): Step {
  const { policy } = rollout.spec;
  const inForceMs = seen.now.getTime() - status.inForceSince.getTime();
  const holdMs = (policy.steps[status.step]?.holdSeconds ?? 0) * 1000;
  const [first] = view.undecided;
  if (first === undefined && inForceMs >= holdMs) return leaveStep(rollout, status, seen, view);
  if (first === undefined || inForceMs - status.blindMs < policy.undecidedSeconds * 1000) return { status };
  const guardrail = view.undecided.find(({ gate }) => roleOf(gate) === 'guardrail');
  if (guardrail === undefined) return pauseOn(status, seen, view.undecided, 'stayed undecided');
  const reason = `The gate ${nameOf(guardrail.gate)} stayed undecided: ${guardrail.reason}`;
  return rollBack(rollout, seen, 'undecided', reason);
}

/**
 * The data plane cannot be seen, or gives another share than the step's. In the latter case what it saw is over, and
 * evidence begins anew once the share is back.
 */
function awaitWeight(rollout: Rollout, status: StatusOf<'Progressing'>, seen: RolloutObservation): Step {
  const why = seen.actualReason == null ? '' : ` ${seen.actualReason}`;
  if (seen.actualWeight === null)
    return hold(rollout, status, seen, `The data plane does not say what it has in force.${why}`);
  const reason = `The data plane gives ${seen.actualWeight} % instead of ${weightOf(rollout)} %.${why}`;
  return hold(rollout, { ...status, inForceSince: null, readings: [] }, seen, reason);
}

/** Nothing can be seen: the weight stays, within the step's budget of blindness; what follows then is the policy's choice. */
function hold(rollout: Rollout, status: StatusOf<'Progressing'>, seen: RolloutObservation, reason: string): Step {
  const blindSince = status.blindSince ?? seen.now;
  const blindMs = status.blindMs + seen.now.getTime() - blindSince.getTime();
  const { blindSeconds, onBlind = 'roll-back' } = rollout.spec.policy;
  if (blindMs < blindSeconds * 1000) return refuse({ status: { ...status, blindSince } }, seen, reason);
  const said = `Blind for ${blindSeconds} s. ${reason}`;
  const proven = status.proven ?? null;
  const step = onBlind === 'hold' ? status.step : onBlind === 'step-back' ? proven : null;
  if (step === null) return rollBack(rollout, seen, 'blind', said);
  const paused = { phase: 'Paused', step, since: seen.now, by: BY_ITSELF, cause: 'blind', proven } as const;
  return { status: { ...paused, reason: said, readings: status.readings } };
}

/** The same status with its present blindness, if any, put to what is over. */
function seeing(status: StatusOf<'Progressing'>, now: Date): StatusOf<'Progressing'> {
  if (status.blindSince === null) return status;
  return { ...status, blindSince: null, blindMs: status.blindMs + now.getTime() - status.blindSince.getTime() };
}
