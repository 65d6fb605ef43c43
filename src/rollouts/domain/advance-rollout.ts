import { assertNever } from '../../kernel/index.js';
import { type Assessment, assess, gatesOfStep, gatesToRead, nameOf, roleOf } from './gates.js';
import type { RolloutObservation, RolloutRequest, RolloutVerb } from './observation.js';
import { objectionTo } from './requests.js';
import {
  type GateReading,
  isEnded,
  type RollbackCause,
  type Rollout,
  type RolloutStatus,
  type StatusOf,
  type Traffic,
  weightOf,
} from './rollout.js';

/**
 * Version of these decisions. Raise it when a stored record legitimately gives another decision than it did, and say so in
 * `test/fixtures/decisions/README.md`.
 */
export const DECISION_VERSION = 'rollouts/1';

/** Who acts when nobody asked. */
export const BY_ITSELF = 'system:rollouts';

/**
 * What is wanted of the data plane: so many percent for the candidate; everything back to the champion; or `leave`, because
 * nothing of it is this rollout's.
 */
export type TrafficWish = number | 'give-back' | 'leave';

/** The wanted end: the whole status and the whole traffic, never a change of them, so that any pass can be repeated. */
export interface RolloutDecision {
  readonly status: RolloutStatus;
  readonly traffic: TrafficWish;
  /** What became of the request; null when there was none, or it waits on. */
  readonly answered: { readonly verb: RolloutVerb; readonly followed: boolean; readonly note: string } | null;
}

type Open = StatusOf<'Pending' | 'Progressing' | 'AwaitingApproval' | 'Paused' | 'Ready'>;
type Step = Pick<RolloutDecision, 'status'> & { readonly followed?: RolloutVerb; readonly refused?: string };

/**
 * Moves a rollout at most one decision on. Pure and total.
 *
 * Precedence: a finished rollout stays; an abort wins over everything else; a champion that has changed meanwhile ends it; a
 * guardrail that fails goes back at once, in every phase that gives the candidate traffic; so does traffic that was taken back
 * because nobody confirmed it, at nobody's charge. Then the phase decides. A step is passed only when every gate that has a
 * say says PASS on evidence newer than the step being in force and its hold is over. BLIND holds, within a budget of its own. No
 * evidence passes nothing, whoever asks. A weight rises only in the pass after the one that put the step on record.
 */
export function advanceRollout(rollout: Rollout, seen: RolloutObservation): RolloutDecision {
  const { status } = rollout;
  if (isEnded(status)) return { status, traffic: 'leave', answered: null };
  const next = decide({ ...rollout, status }, status, seen);
  const traffic = wish(rollout, next.status);
  return { status: tracked(status, next.status, traffic, seen), traffic, answered: answer(next, seen.request) };
}

function decide(rollout: Rollout, status: Open, seen: RolloutObservation): Step {
  const { request } = seen;
  if (request?.verb === 'abort') {
    const { by, reason } = request;
    return { status: { phase: 'Aborted', at: seen.now, by, reason, givenBackAt: untouched(rollout, seen) } };
  }
  if (seen.championNow !== rollout.spec.champion)
    return rollBack(rollout, seen, 'champion-changed', 'The champion that it was compared with no longer serves.');
  const view = look(rollout, seen);
  return watch(rollout, status, seen, view) ?? inPhase(rollout, status, seen, view);
}

function inPhase(rollout: Rollout, status: Open, seen: RolloutObservation, view: Assessment | null): Step {
  switch (status.phase) {
    case 'Pending':
      return begin(rollout, status, seen);
    case 'Progressing':
      return progress(rollout, status, seen, view);
    case 'AwaitingApproval':
      return awaitApproval(rollout, status, seen, view);
    case 'Paused':
      return stay(rollout, status, seen, view);
    case 'Ready':
      return promoteEarly(rollout, status, seen, view) ?? { status };
    default:
      return assertNever(status);
  }
}

/** What the gates of the present step say; null when none is to be read. */
function look(rollout: Rollout, seen: RolloutObservation): Assessment | null {
  const question = gatesToRead(rollout);
  if (question === null) return null;
  const overruled = rollout.status.phase === 'Progressing' ? rollout.status.overruled : [];
  return assess(question.gates, seen.readings, question.notBefore, overruled);
}

/** What ends a rollout in any phase that gives the candidate traffic. */
function watch(rollout: Rollout, status: Open, seen: RolloutObservation, view: Assessment | null): Step | null {
  const broken = view?.broken ?? null;
  if (broken !== null) {
    const cause = broken.verdict === 'FAIL' ? 'gate-failed' : 'gate-invalid';
    const reason = `The gate ${nameOf(broken.gate)} said ${broken.verdict}: ${broken.reason}`;
    return rollBack(rollout, seen, cause, reason);
  }
  // A lease on what was never set belongs to somebody before us.
  const set = 'traffic' in status ? (status.traffic?.set ?? 0) : 0;
  if (seen.lapsed !== true || set === 0) return null;
  const why = seen.actualReason ?? 'Nobody confirmed the weight in time.';
  return rollBack(rollout, seen, 'confirm-timeout', `The traffic was taken back by itself. ${why}`);
}

function begin(rollout: Rollout, status: StatusOf<'Pending'>, seen: RolloutObservation): Step {
  const blockedBy = seen.blockedBy ?? null;
  if (blockedBy !== null) return { status: { ...status, blockedBy } };
  const entered = enterStep(rollout, 0, seen, null);
  return seen.request?.verb === 'start' ? { ...entered, followed: 'start' } : entered;
}

function progress(
  rollout: Rollout,
  status: StatusOf<'Progressing'>,
  seen: RolloutObservation,
  view: Assessment | null,
): Step {
  const gates = gatesOfStep(rollout.spec.policy, status.step).filter(({ dryRun }) => dryRun !== true);
  if (gates.length === 0)
    return rollBack(rollout, seen, 'no-gates', 'The step has no gate, and nothing seen lets nothing through.');
  if (seen.request?.verb === 'pause') return pauseFor(status, seen, seen.request);
  const alarmed = view?.alarmed ?? [];
  if (alarmed.length > 0) return pauseOn(status, seen, alarmed, 'failed');
  const weight = weightOf(rollout);
  if (seen.actualWeight !== weight) return awaitWeight(rollout, status, seen);
  if (status.inForceSince === null || view === null)
    return refuse({ status: { ...seeing(status, seen.now), inForceSince: seen.now } }, seen, 'nothing is in force yet');
  const here = { ...status, inForceSince: status.inForceSince, readings: view.readings };
  if (view.blind !== null) return hold(rollout, here, seen, `Its gates can see nothing: ${view.blind}`);
  const { request } = seen;
  if (request?.verb === 'advance') return { ...leaveStep(rollout, here, seen, view), followed: 'advance' };
  return (
    promoteEarly(rollout, here, seen, view) ??
    judge(rollout, { ...here, ...seeing(here, seen.now), inForceSince: here.inForceSince }, seen, view)
  );
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

/** The weight of the step before is held; only an approval goes on. */
function awaitApproval(
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
function stay(rollout: Rollout, status: StatusOf<'Paused'>, seen: RolloutObservation, view: Assessment | null): Step {
  const { request } = seen;
  const cause = status.cause ?? 'person';
  const here = { ...status, readings: view?.readings ?? [] };
  const again = (overruled: readonly string[]) => freshStep(status.step, seen, status.proven ?? null, overruled);
  if (request?.verb === 'resume')
    return { ...again(cause === 'signal' ? (status.gates ?? []) : []), followed: 'resume' };
  if (request?.verb === 'pause' && cause !== 'person') return { ...pauseFor(status, seen, request), followed: 'pause' };
  const early = promoteEarly(rollout, here, seen, view);
  if (early !== null) return early;
  const inForce = seen.actualWeight === weightOf(rollout);
  if (cause === 'blind' && inForce && view !== null && view.blind === null) return again([]);
  if (cause === 'signal' && view !== null && status.gates?.every((name) => passes(view, name)) === true)
    return again([]);
  return { status: here };
}

function passes({ readings }: Assessment, name: string): boolean {
  return readings.some(({ gate, verdict }) => nameOf(gate) === name && verdict === 'PASS');
}

/** An approver leaves out the other steps; null when nobody asked. */
function promoteEarly(
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

function pauseFor(status: StatusOf<'Progressing' | 'Paused'>, seen: RolloutObservation, request: RolloutRequest): Step {
  const { by, reason } = request;
  const { step, proven = null } = status;
  return {
    status: { phase: 'Paused', step, since: seen.now, by, reason, cause: 'person', readings: [], proven },
    followed: 'pause',
  };
}

function pauseOn(
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

/** Leaves the present step for the next one; it is proven when no gate was left out. */
function leaveStep(
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

function enterStep(rollout: Rollout, step: number, seen: RolloutObservation, proven: number | null): Step {
  const next = rollout.spec.policy.steps[step];
  if (next === undefined)
    return rollBack(rollout, seen, 'no-gates', 'The policy has no step, and nothing seen lets nothing through.');
  if (next.approval !== true) return freshStep(step, seen, proven);
  return { status: { phase: 'AwaitingApproval', step, since: seen.now, readings: [], proven } };
}

function freshStep(
  step: number,
  seen: RolloutObservation,
  proven: number | null,
  overruled: readonly string[] = [],
): Step {
  const fresh = { inForceSince: null, stepSince: seen.now, blindSince: null, blindMs: 0, readings: [] };
  return { status: { phase: 'Progressing', step, ...fresh, proven, overruled } };
}

function rollBack(rollout: Rollout, seen: RolloutObservation, cause: RollbackCause, reason: string): Step {
  const step = 'step' in rollout.status ? (rollout.status.step ?? 0) : 0;
  const { now: at, readings } = seen;
  const charged = cause === 'gate-failed' || cause === 'undecided';
  const givenBackAt = untouched(rollout, seen);
  return { status: { phase: 'RolledBack', at, step, reason, cause, charged, readings, givenBackAt } };
}

/** Now, when this rollout never had any traffic, so that there is nothing to give back; otherwise null. */
function untouched({ status }: Rollout, seen: RolloutObservation): Date | null {
  return status.phase === 'Pending' || (status.phase === 'AwaitingApproval' && status.step === 0) ? seen.now : null;
}

/** What is wanted of the data plane. A weight that rises is set only once the step is on record, in the next pass. */
function wish(before: Rollout, status: RolloutStatus): TrafficWish {
  if (status.phase === 'RolledBack' || status.phase === 'Aborted')
    return status.givenBackAt === null ? 'give-back' : 'leave';
  const weight = Math.min(weightOf(before), weightOf({ ...before, status }));
  const isOurs =
    before.status.phase !== 'Pending' && !(before.status.phase === 'AwaitingApproval' && before.status.step === 0);
  return isOurs ? weight : 'leave';
}

/** The status with what is set and what is seen, each since when. */
function tracked(before: Open, status: RolloutStatus, traffic: TrafficWish, seen: RolloutObservation): RolloutStatus {
  const known = 'traffic' in before ? before.traffic : undefined;
  if (status.phase === 'Pending' || (traffic === 'leave' && known === undefined)) return status;
  const set = typeof traffic === 'number' ? traffic : traffic === 'give-back' ? 0 : (known?.set ?? 0);
  const now: Traffic = {
    ...{ set, setAt: known?.set === set ? known.setAt : seen.now },
    actual: seen.actualWeight,
    actualAt: known !== undefined && known.actual === seen.actualWeight ? known.actualAt : seen.now,
  };
  return { ...status, traffic: now };
}

/** A request to go on that cannot be followed now is answered, not kept for a better moment. */
function refuse(step: Step, { request }: RolloutObservation, why: string): Step {
  return request?.verb === 'advance' || request?.verb === 'promote' ? { ...step, refused: why } : step;
}

function answer({ status, followed, refused }: Step, request: RolloutRequest | null): RolloutDecision['answered'] {
  if (request === null || request.verb === 'abort') return null;
  const { verb } = request;
  if (followed === verb) return { verb, followed: true, note: `${verb} was followed` };
  // It waits behind another rollout; its wish to start is kept.
  if (status.phase === 'Pending') return null;
  return { verb, followed: false, note: refused ?? `there is nothing to ${verb} while it is ${status.phase}` };
}
