import { type Assessment, nameOf } from './gates.js';
import type { RolloutObservation } from './observation.js';
import { objectionTo } from './requests.js';
import { type Rollout, type StatusOf, weightOf } from './rollout.js';
import { freshStep, pauseFor, type Step } from './steps.js';

/** The weight of the step before is held; only an approval goes on. */
export function awaitApproval(
  rollout: Rollout,
  status: StatusOf<'AwaitingApproval'>,
  seen: RolloutObservation,
  view: Assessment | null,
): Step {
  const here = { ...status, readings: view?.readings ?? [] };
  const { request } = seen;
  const starts = request?.verb === 'start' && status.step === 0;
  if (request !== null && (request.verb === 'approve' || starts))
    return { ...freshStep(status.step, seen, status.proven), followed: request.verb };
  return promoteEarly(rollout, here, seen, view) ?? { status: here };
}

/** Held until what it waits for comes: a person, the signals, or sight. */
export function stay(
  rollout: Rollout,
  status: StatusOf<'Paused'>,
  seen: RolloutObservation,
  view: Assessment | null,
): Step {
  const { request } = seen;
  const { proven = null, cause = 'person' } = status;
  if (request?.verb === 'resume')
    return { ...freshStep(status.step, seen, proven, overruledBy(status)), followed: 'resume' };
  if (request?.verb === 'pause' && cause !== 'person') return pauseFor(status, seen, request);
  const here = { ...status, readings: view?.readings ?? [] };
  const early = promoteEarly(rollout, here, seen, view);
  if (early !== null) return early;
  return cameBack(rollout, status, seen, view) ? freshStep(status.step, seen, proven) : { status: here };
}

/** The signals that whoever resumes overrules. */
function overruledBy({ cause, gates = [] }: StatusOf<'Paused'>): readonly string[] {
  return cause === 'signal' ? gates : [];
}

/** True when what paused it by itself is over. */
function cameBack(
  rollout: Rollout,
  { cause, gates }: StatusOf<'Paused'>,
  seen: RolloutObservation,
  view: Assessment | null,
): boolean {
  if (view === null) return false;
  if (cause === 'blind') return view.blind === null && seen.actualWeight === weightOf(rollout);
  return cause === 'signal' && gates?.every((name) => passes(view, name)) === true;
}

function passes({ readings }: Assessment, name: string): boolean {
  return readings.some(({ gate, verdict }) => nameOf(gate) === name && verdict === 'PASS');
}

/** An approver leaves out the other steps; null when nobody asked. */
export function promoteEarly(
  rollout: Rollout,
  status: StatusOf<'Progressing' | 'AwaitingApproval' | 'Paused' | 'Ready'>,
  seen: RolloutObservation,
  view: Assessment | null,
): Step | null {
  if (seen.request?.verb !== 'promote') return null;
  const { by, reason } = seen.request;
  const objection = objectionTo('promote', rollout, view, seen.actualWeight === weightOf(rollout));
  if (objection !== null) return { status, refused: objection };
  const promotion = { by, reason };
  if (status.phase === 'Ready') return { status: { ...status, promotion }, followed: 'promote' };
  const step = status.phase === 'AwaitingApproval' ? status.step - 1 : status.step;
  const proven = status.proven ?? null;
  const readings = view?.readings ?? [];
  return { status: { phase: 'Ready', since: seen.now, readings, step, promotion, proven }, followed: 'promote' };
}
