import { assertNever } from '../../kernel/index.js';
import { type Assessment, assess, gatesToRead, nameOf } from './gates.js';
import type { RolloutObservation, RolloutRequest, RolloutVerb } from './observation.js';
import { progress } from './progress.js';
import { isEnded, type Rollout, type RolloutStatus, type StatusOf, type Traffic, weightOf } from './rollout.js';
import { enterStep, rollBack, type Step, untouched } from './steps.js';
import { awaitApproval, promoteEarly, stay } from './waiting.js';

/**
 * Version of these decisions. Raise it when a stored record legitimately gives another decision than it did, and say so in
 * `test/fixtures/decisions/README.md`.
 */
export const DECISION_VERSION = 'rollouts/1';

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
  const set = status.phase === 'Pending' ? 0 : (status.traffic?.set ?? 0);
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
  const known = before.phase === 'Pending' ? undefined : before.traffic;
  if (status.phase === 'Pending' || (traffic === 'leave' && known === undefined)) return status;
  return { ...status, traffic: trafficNow(known, traffic, seen) };
}

function trafficNow(
  known: Traffic | undefined,
  traffic: TrafficWish,
  { now, actualWeight }: RolloutObservation,
): Traffic {
  const left = traffic === 'leave' ? (known?.set ?? 0) : 0;
  const set = typeof traffic === 'number' ? traffic : left;
  return {
    ...{ set, setAt: known?.set === set ? known.setAt : now },
    ...{ actual: actualWeight, actualAt: known?.actual === actualWeight ? known.actualAt : now },
  };
}

function answer({ status, followed, refused }: Step, request: RolloutRequest | null): RolloutDecision['answered'] {
  if (request === null || request.verb === 'abort') return null;
  const { verb } = request;
  if (followed === verb) return { verb, followed: true, note: `${verb} was followed` };
  // It waits behind another rollout; its wish to start is kept.
  if (status.phase === 'Pending') return null;
  return { verb, followed: false, note: refused ?? `there is nothing to ${verb} while it is ${status.phase}` };
}
