import { assertNever } from '../../kernel/index.js';
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
  readonly request: { readonly verb: 'pause' | 'resume' | 'abort'; readonly by: string; readonly reason: string } | null;
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
    return rollBack(rollout, seen, 'The champion that it was compared with no longer serves.');
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
  if (seen.request?.verb === 'pause') {
    const { by, reason } = seen.request;
    return { status: { phase: 'Paused', step: status.step, since: seen.now, by, reason }, weight };
  }
  const { policy } = rollout.spec;
  if (status.inForceSince === null || seen.actualWeight === null) return awaitWeight(rollout, status, seen);
  const failed = seen.readings.find(({ verdict }) => verdict === 'FAIL' || verdict === 'INVALID');
  if (failed !== undefined) return rollBack(rollout, seen, `The gate ${failed.gate.kind} said ${failed.verdict}: ${failed.reason}`);
  const blindSince = isBlind(rollout, status.step, seen.readings) ? (status.blindSince ?? seen.now) : null;
  const here = { ...status, blindSince, readings: seen.readings };
  if (blindSince !== null && older(blindSince, policy.blindSeconds, seen.now))
    return rollBack(rollout, seen, `Its gates could see nothing for ${policy.blindSeconds} s: ${blindReason(seen.readings)}`);
  if (passes(rollout, status, seen)) return enterStep(rollout, status.step + 1, seen);
  const undecided = seen.readings.find(({ verdict }) => verdict === 'UNDECIDED');
  if (undecided !== undefined && older(status.inForceSince, policy.undecidedSeconds, seen.now))
    return rollBack(rollout, seen, `The gate ${undecided.gate.kind} stayed undecided: ${undecided.reason}`);
  return { status: here, weight };
}

/** The weight is stated, but the gateways do not say yet that they have it in force. */
function awaitWeight(rollout: Rollout, status: Of<'Progressing'>, seen: RolloutObservation): RolloutDecision {
  const weight = weightOf(rollout, status.step);
  if (seen.actualWeight === weight) {
    const inForceSince = status.inForceSince ?? seen.now;
    return { status: { ...status, inForceSince, blindSince: null }, weight };
  }
  const blindSince = status.blindSince ?? seen.now;
  if (older(blindSince, rollout.spec.policy.blindSeconds, seen.now))
    return rollBack(rollout, seen, `The gateways did not confirm the weight of ${weight} % in time.`);
  return { status: { ...status, blindSince }, weight };
}

function enterStep(rollout: Rollout, step: number, seen: RolloutObservation): RolloutDecision {
  const { steps } = rollout.spec.policy;
  if (step >= steps.length)
    return { status: { phase: 'Ready', since: seen.now, readings: seen.readings }, weight: weightOf(rollout, steps.length - 1) };
  return {
    status: { phase: 'Progressing', step, inForceSince: null, stepSince: seen.now, blindSince: null, readings: [] },
    weight: weightOf(rollout, step),
  };
}

function passes(rollout: Rollout, status: Of<'Progressing'>, seen: RolloutObservation): boolean {
  const step = rollout.spec.policy.steps[status.step];
  if (step === undefined || status.inForceSince === null) return false;
  const complete = seen.readings.length === step.gates.length && step.gates.length > 0;
  const allPass = seen.readings.every(
    ({ verdict, evidence, at }) =>
      verdict === 'PASS' && evidence.length > 0 && evidence.every(({ samples }) => samples > 0) && at >= status.stepSince,
  );
  return complete && allPass && older(status.inForceSince, step.holdSeconds, seen.now);
}

function isBlind(rollout: Rollout, step: number, readings: readonly GateReading[]): boolean {
  const wanted = rollout.spec.policy.steps[step]?.gates.length ?? 0;
  return readings.length < wanted || readings.some(({ verdict }) => verdict === 'BLIND');
}

function blindReason(readings: readonly GateReading[]): string {
  return readings.find(({ verdict }) => verdict === 'BLIND')?.reason ?? 'no reading';
}

function rollBack(rollout: Rollout, seen: RolloutObservation, reason: string): RolloutDecision {
  const step = 'step' in rollout.status ? rollout.status.step : 0;
  return { status: { phase: 'RolledBack', at: seen.now, step, reason, readings: seen.readings }, weight: null };
}

function weightOf(rollout: Rollout, step: number): number {
  return rollout.spec.policy.steps[step]?.weight ?? 0;
}

function older(since: Date, seconds: number, now: Date): boolean {
  return now.getTime() - since.getTime() >= seconds * 1000;
}
