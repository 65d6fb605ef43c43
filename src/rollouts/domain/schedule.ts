import type { RolloutStep } from '../../models/index.js';
import { gatesOfStep, nameOf, roleOf } from './gates.js';
import { isEnded, type Rollout, type RolloutStatus, type StatusOf } from './rollout.js';

/** One step as it was or will be. */
export interface PlannedStep {
  readonly step: number;
  readonly weight: number;
  readonly state: 'past' | 'present' | 'planned';
  /** When it began, or can begin at the earliest; null = that depends on a person or on data. */
  readonly from: Date | null;
  /** When it can be left at the earliest; null as above. */
  readonly until: Date | null;
  readonly holdSeconds: number;
  /** What must come before it is left, or entered when it is planned, in words. */
  readonly waitsFor: readonly string[];
}

/** A moment at which something happens by itself unless something else happens before. */
export interface Deadline {
  readonly at: Date;
  readonly what: string;
}

/** What lies ahead of a rollout, as of now. */
export interface Schedule {
  readonly steps: readonly PlannedStep[];
  /** When every step can be passed at the earliest; null = that depends on a person, or it has ended. */
  readonly readyAt: Date | null;
  /** The deadlines that run now, the next one first. */
  readonly deadlines: readonly Deadline[];
  /** Until when the data plane keeps the weight if nobody renews it; null = no weight is set. */
  readonly confirmBy: Date | null;
  /** Whole seconds until then, never below 0. */
  readonly confirmSecondsLeft: number | null;
}

/** The plan of a rollout: no promise, but the earliest times that the policy allows. Pure. */
export function scheduleOf(rollout: Rollout, now: Date, confirmBy: Date | null): Schedule {
  const { status } = rollout;
  const { steps: policy } = rollout.spec.policy;
  const present = stepOf(status, policy.length);
  const steps: PlannedStep[] = [];
  let clock: Date | null = isEnded(status) ? null : now;
  policy.forEach((step, index) => {
    const planned: PlannedStep =
      index < present ? past(step, index) : at(rollout, step, index, index === present, clock);
    steps.push(planned);
    if (index >= present) clock = planned.until;
  });
  const ended = isEnded(status);
  return {
    steps,
    readyAt: ended ? null : status.phase === 'Ready' ? status.since : clock,
    deadlines: ended ? [] : deadlinesOf(rollout, confirmBy),
    confirmBy: ended ? null : confirmBy,
    confirmSecondsLeft:
      ended || confirmBy === null ? null : Math.max(0, Math.floor((confirmBy.getTime() - now.getTime()) / 1000)),
  };
}

/** The step that is present; -1 before the first, the number of steps once all are past. */
function stepOf(status: RolloutStatus, count: number): number {
  switch (status.phase) {
    case 'Pending':
      return -1;
    case 'Ready':
    case 'Promoted':
      return count;
    case 'AwaitingApproval':
      return status.step - 1;
    case 'Aborted':
      return count;
    default:
      return status.step;
  }
}

function past({ weight, holdSeconds }: RolloutStep, step: number): PlannedStep {
  return { step, weight, state: 'past', from: null, until: null, holdSeconds, waitsFor: [] };
}

function at(
  rollout: Rollout,
  { weight, holdSeconds, approval }: RolloutStep,
  step: number,
  isPresent: boolean,
  clock: Date | null,
): PlannedStep {
  const { status, spec } = rollout;
  const base = { step, weight, holdSeconds };
  if (isPresent)
    return { ...base, state: 'present', ...presentTimes(status, holdSeconds, clock), waitsFor: waits(status) };
  const needsApproval = approval === true;
  const from = needsApproval ? null : clock;
  const gates = gatesOfStep(spec.policy, step).filter(({ dryRun }) => dryRun !== true);
  const waitsFor = [
    ...(needsApproval ? ['an approval'] : []),
    ...gates.map((gate) => `PASS of the ${roleOf(gate)} ${nameOf(gate)}`),
  ];
  return { ...base, state: 'planned', from, until: later(from, holdSeconds), waitsFor };
}

function presentTimes(
  status: RolloutStatus,
  holdSeconds: number,
  now: Date | null,
): { readonly from: Date | null; readonly until: Date | null } {
  if (status.phase === 'AwaitingApproval') return { from: null, until: null };
  if (status.phase !== 'Progressing') return { from: null, until: null };
  const from = status.inForceSince ?? status.stepSince;
  const earliest = status.inForceSince === null ? later(now, holdSeconds) : later(from, holdSeconds);
  return { from, until: earliest !== null && now !== null && earliest < now ? now : earliest };
}

function waits(status: RolloutStatus): string[] {
  switch (status.phase) {
    case 'AwaitingApproval':
      return ['an approval'];
    case 'Paused':
      return [waitOfPause(status)];
    case 'Progressing':
      return status.inForceSince === null
        ? ['the data plane to give the weight']
        : status.readings
            .filter(({ gate, verdict }) => verdict !== 'PASS' && gate.dryRun !== true)
            .map(({ gate, verdict, reason }) => `${nameOf(gate)}, which is ${verdict}: ${reason}`);
    default:
      return [];
  }
}

function waitOfPause({ cause = 'person', gates, by }: StatusOf<'Paused'>): string {
  if (cause === 'blind') return 'its gates to see again, or somebody who resumes';
  if (cause === 'signal') return `PASS of ${(gates ?? []).join(', ')}, or somebody who resumes`;
  return `somebody who resumes (paused by ${by})`;
}

function deadlinesOf({ status, spec }: Rollout, confirmBy: Date | null): Deadline[] {
  const { blindSeconds, undecidedSeconds, onBlind = 'roll-back' } = spec.policy;
  const deadlines: Deadline[] = [];
  if (confirmBy !== null) deadlines.push({ at: confirmBy, what: 'traffic goes back unless the weight is confirmed' });
  if (status.phase !== 'Progressing') return deadlines;
  const { blindSince, blindMs, inForceSince, readings } = status;
  if (blindSince !== null) {
    const over = new Date(blindSince.getTime() + blindSeconds * 1000 - blindMs);
    deadlines.push({ at: over, what: `${onBlind} unless it can be seen` });
  }
  const undecided = readings.some(({ gate, verdict }) => verdict === 'UNDECIDED' && gate.dryRun !== true);
  if (undecided && inForceSince !== null) {
    const over = new Date(inForceSince.getTime() + undecidedSeconds * 1000 + blindMs);
    deadlines.push({ at: over, what: 'the undecided gates give up' });
  }
  return deadlines.sort((a, b) => a.at.getTime() - b.at.getTime());
}

function later(from: Date | null, seconds: number): Date | null {
  return from === null ? null : new Date(from.getTime() + seconds * 1000);
}
