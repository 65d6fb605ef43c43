import type { Assessment } from './gates.js';
import { nameOf, roleOf } from './gates.js';
import type { RolloutVerb } from './observation.js';
import type { Rollout, RolloutStatus } from './rollout.js';

/** Phases in which a verb still means something; an abort that was asked for twice is not an error. */
export const PHASES_OF_VERB: Readonly<Record<RolloutVerb, readonly RolloutStatus['phase'][]>> = {
  start: ['Pending', 'AwaitingApproval', 'Progressing', 'Paused', 'Ready', 'Promoted'],
  pause: ['Progressing', 'Paused'],
  resume: ['Paused', 'Progressing'],
  advance: ['Progressing'],
  approve: ['AwaitingApproval'],
  promote: ['Progressing', 'AwaitingApproval', 'Paused', 'Ready'],
  abort: ['Pending', 'AwaitingApproval', 'Progressing', 'Paused', 'Ready', 'Aborted', 'RolledBack'],
};

/**
 * Why a rollout cannot be advanced or promoted now, in a sentence; null when it can. Nobody, whatever the role, gets past a
 * guardrail that fails or a gate that cannot see. `advance` may leave out a hold and what is undecided; `promote` leaves out
 * the other steps, so it needs a PASS of every guardrail and no signal that fails; to overrule a signal is what resuming is for.
 * @param seen what the gates of the present step say, null when nothing is in force
 * @param inForce whether the data plane gives what was set
 */
export function objectionTo(
  verb: 'advance' | 'promote',
  { status }: Rollout,
  seen: Assessment | null,
  inForce: boolean,
): string | null {
  if (!PHASES_OF_VERB[verb].includes(status.phase)) return `it is ${status.phase}`;
  if (status.phase === 'Ready') return broken(seen);
  if (seen === null || seen.voices === 0) return 'nothing was seen of the candidate yet';
  if (!inForce) return "the step's weight is not in force";
  if (seen.blind !== null) return `its gates cannot see: ${seen.blind}`;
  if (seen.broken !== null) return broken(seen);
  if (verb === 'advance') return null;
  const [alarmed] = seen.alarmed;
  if (alarmed !== undefined) return `the signal ${nameOf(alarmed.gate)} says ${alarmed.verdict}: ${alarmed.reason}`;
  if (seen.passed === 0) return 'no gate says PASS';
  const waiting = seen.undecided.find(({ gate }) => roleOf(gate) === 'guardrail');
  return waiting === undefined ? null : `the guardrail ${nameOf(waiting.gate)} does not pass: ${waiting.reason}`;
}

function broken(seen: Assessment | null): string | null {
  const failed = seen?.broken ?? null;
  return failed === null ? null : `the guardrail ${nameOf(failed.gate)} says ${failed.verdict}: ${failed.reason}`;
}
