import { assertNever, blindness } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import type { GateReading, Rollout, RolloutStatus } from './rollout.js';

/** What a pass saw before it decides. */
export interface RolloutObservation {
  readonly now: Date;
  /** Share that the data plane really gives the candidate, in percent; null when that cannot be seen. */
  readonly actualWeight: number | null;
  /** One reading for each gate of the present step, of evidence newer than the step; empty before it is in force. */
  readonly readings: readonly GateReading[];
  /** The version that serves as champion now. */
  readonly championNow: string | null;
  readonly request: {
    readonly verb: 'pause' | 'resume' | 'abort';
    readonly by: string;
    readonly reason: string;
  } | null;
}

/** The wanted end: the whole status and the whole traffic, never a change of them, so that any pass can be repeated. */
export interface RolloutDecision {
  readonly status: RolloutStatus;
  /** Percent for the candidate; `null` = everything goes back to the champion and the candidate is taken out. */
  readonly weight: number | null;
}

type Of<Phase extends RolloutStatus['phase']> = Extract<RolloutStatus, { phase: Phase }>;

/**
 * Moves a rollout at most one decision on. Pure and total.
 *
 * Precedence: a finished rollout stays; an abort wins over everything else; a champion that has changed meanwhile ends it;
 * then the phase decides. A step is passed only when every gate says PASS on evidence newer than the step being in force
 * and its hold time is over. FAIL goes back at once. BLIND holds, within a time budget of its own. No evidence passes nothing.
 */
export function advanceRollout(rollout: Rollout, seen: RolloutObservation): RolloutDecision {
  const { status } = rollout;
  if (status.phase === 'Promoted') return { status, weight: 0 };
  if (status.phase === 'RolledBack' || status.phase === 'Aborted') return { status, weight: null };
  if (seen.request?.verb === 'abort') {
    const { by, reason } = seen.request;
    return { status: { phase: 'Aborted', at: seen.now, by, reason }, weight: null };
  }
  if (seen.championNow !== rollout.spec.champion)
    return rollBack(rollout, seen, 'The champion that it was compared with no longer serves.', false);
  switch (status.phase) {
    case 'Pending':
      return enterStep(rollout, 0, seen);
    case 'Progressing':
      return progress(rollout, status, seen);
    case 'Paused':
      return seen.request?.verb === 'resume'
        ? enterStep(rollout, status.step, seen)
        : { status, weight: weightOf(rollout, status.step) };
    case 'Ready':
      return { status, weight: weightOf(rollout, rollout.spec.policy.steps.length - 1) };
    default:
      return assertNever(status);
  }
}

/** The gates that a pass must read: none unless the step's weight is in force. */
export function gatesToRead(rollout: Rollout): { readonly gates: readonly Gate[]; readonly notBefore: Date } | null {
  const { status } = rollout;
  if (status.phase !== 'Progressing' || status.inForceSince === null) return null;
  return { gates: rollout.spec.policy.steps[status.step]?.gates ?? [], notBefore: status.inForceSince };
}

function progress(rollout: Rollout, status: Of<'Progressing'>, seen: RolloutObservation): RolloutDecision {
  const weight = weightOf(rollout, status.step);
  const gates = rollout.spec.policy.steps[status.step]?.gates ?? [];
  if (gates.length === 0)
    return rollBack(rollout, seen, 'The step has no gate, and nothing seen lets nothing through.');
  const readings = status.inForceSince === null ? [] : trusted(seen.readings, status.inForceSince);
  const failed = readings.find(({ verdict }) => verdict === 'FAIL' || verdict === 'INVALID');
  if (failed !== undefined) {
    return rollBack(rollout, seen, `The gate ${failed.gate.kind} said ${failed.verdict}: ${failed.reason}`);
  }
  if (seen.request?.verb === 'pause') {
    const { by, reason } = seen.request;
    return { status: { phase: 'Paused', step: status.step, since: seen.now, by, reason }, weight };
  }
  if (seen.actualWeight !== weight) return awaitWeight(rollout, status, seen);
  if (status.inForceSince === null) return { status: { ...seeing(status, seen.now), inForceSince: seen.now }, weight };
  const here = { ...status, inForceSince: status.inForceSince, readings };
  const blind = blindReason(gates.length, readings);
  if (blind !== null) return hold(rollout, here, seen, `Its gates can see nothing: ${blind}`);
  return judge(rollout, { ...here, ...seeing(here, seen.now), inForceSince: here.inForceSince }, seen);
}

/** Every gate sees: the step is passed, waits, or has been undecided for too long. */
function judge(
  rollout: Rollout,
  status: Of<'Progressing'> & { readonly inForceSince: Date },
  seen: RolloutObservation,
): RolloutDecision {
  const { policy } = rollout.spec;
  const inForceMs = seen.now.getTime() - status.inForceSince.getTime();
  const holdMs = (policy.steps[status.step]?.holdSeconds ?? 0) * 1000;
  const undecided = status.readings.find(({ verdict }) => verdict !== 'PASS');
  if (undecided === undefined && inForceMs >= holdMs) return enterStep(rollout, status.step + 1, seen);
  if (undecided !== undefined && inForceMs - status.blindMs >= policy.undecidedSeconds * 1000)
    return rollBack(rollout, seen, `The gate ${undecided.gate.kind} stayed undecided: ${undecided.reason}`);
  return { status, weight: weightOf(rollout, status.step) };
}

/**
 * The data plane cannot be seen, or gives another share than the step's. In the latter case what it saw is over, and
 * evidence begins anew once the share is back.
 */
function awaitWeight(rollout: Rollout, status: Of<'Progressing'>, seen: RolloutObservation): RolloutDecision {
  if (seen.actualWeight === null)
    return hold(rollout, status, seen, 'The gateways do not say what they have in force.');
  const weight = weightOf(rollout, status.step);
  const reason = `The gateways give ${seen.actualWeight} % instead of ${weight} %.`;
  return hold(rollout, { ...status, inForceSince: null, readings: [] }, seen, reason);
}

/** Nothing can be seen: the weight stays, within the step's budget of blindness; then traffic goes back, at nobody's charge. */
function hold(rollout: Rollout, status: Of<'Progressing'>, seen: RolloutObservation, reason: string): RolloutDecision {
  const blindSince = status.blindSince ?? seen.now;
  const blindMs = status.blindMs + seen.now.getTime() - blindSince.getTime();
  const { blindSeconds } = rollout.spec.policy;
  if (blindMs >= blindSeconds * 1000) return rollBack(rollout, seen, `Blind for ${blindSeconds} s. ${reason}`, false);
  return { status: { ...status, blindSince }, weight: weightOf(rollout, status.step) };
}

/** The same status with its present blindness, if any, put to what is over. */
function seeing(status: Of<'Progressing'>, now: Date): Of<'Progressing'> {
  if (status.blindSince === null) return status;
  return { ...status, blindSince: null, blindMs: status.blindMs + now.getTime() - status.blindSince.getTime() };
}

function enterStep(rollout: Rollout, step: number, seen: RolloutObservation): RolloutDecision {
  const { steps } = rollout.spec.policy;
  if (steps.length === 0)
    return rollBack(rollout, seen, 'The policy has no step, and nothing seen lets nothing through.');
  if (step >= steps.length)
    return {
      status: { phase: 'Ready', since: seen.now, readings: seen.readings },
      weight: weightOf(rollout, steps.length - 1),
    };
  const untouched = { inForceSince: null, stepSince: seen.now, blindSince: null, blindMs: 0, readings: [] };
  return { status: { phase: 'Progressing', step, ...untouched }, weight: weightOf(rollout, step) };
}

/** A verdict counts only on evidence that can be judged and is newer than the step; everything else is BLIND. */
function trusted(readings: readonly GateReading[], inForceSince: Date): GateReading[] {
  return readings.map((reading) => {
    if (reading.verdict === 'BLIND' || reading.verdict === 'INVALID') return reading;
    const blind = reading.evidence.map((each) => blindness(each, inForceSince)).find((reason) => reason !== null);
    if (reading.evidence.length > 0 && blind === undefined) return reading;
    return { ...reading, verdict: 'BLIND', reason: blind ?? 'no evidence' };
  });
}

/** Why the gates cannot all see, or null when they can. */
function blindReason(gates: number, readings: readonly GateReading[]): string | null {
  const blind = readings.find(({ verdict }) => verdict === 'BLIND');
  if (blind !== undefined) return `${blind.gate.kind}: ${blind.reason}`;
  return readings.length < gates ? 'a gate was not read' : null;
}

function rollBack(rollout: Rollout, seen: RolloutObservation, reason: string, charged = true): RolloutDecision {
  const step = 'step' in rollout.status ? rollout.status.step : 0;
  const { now: at, readings } = seen;
  return { status: { phase: 'RolledBack', at, step, reason, charged, readings }, weight: null };
}

function weightOf(rollout: Rollout, step: number): number {
  return rollout.spec.policy.steps[step]?.weight ?? 0;
}
