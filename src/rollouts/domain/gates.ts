import { blindness } from '../../kernel/index.js';
import type { Gate, RolloutPolicy } from '../../models/index.js';
import type { GateReading, Rollout } from './rollout.js';

/** Unique among the gates that are read together. */
export function nameOf(gate: Gate): string {
  return gate.name ?? gate.kind;
}

export function roleOf(gate: Gate): 'guardrail' | 'signal' {
  return gate.role ?? 'guardrail';
}

/** The gates of a step with those in the background; dry runs included. */
export function gatesOfStep({ steps, background }: RolloutPolicy, step: number): readonly Gate[] {
  return [...(steps[step]?.gates ?? []), ...(background ?? [])];
}

/** The gates that a pass must read, and how new their evidence must be at least; null = none, nothing is in force. */
export function gatesToRead({
  spec,
  status,
}: Rollout): { readonly gates: readonly Gate[]; readonly notBefore: Date } | null {
  const { policy } = spec;
  const read = (step: number, notBefore: Date | null) =>
    notBefore === null || step < 0 ? null : { gates: gatesOfStep(policy, step), notBefore };
  switch (status.phase) {
    case 'Progressing':
      return read(status.step, status.inForceSince);
    case 'Paused':
      return read(status.step, status.since);
    case 'AwaitingApproval':
      return read(status.step - 1, status.since);
    case 'Ready':
      return read(status.step ?? policy.steps.length - 1, status.since);
    default:
      return null;
  }
}

/** A verdict counts only on evidence that can be judged, newer than the question and than its meter needs; all else is BLIND. */
export function trusted(readings: readonly GateReading[], notBefore: Date): GateReading[] {
  return readings.map((reading) => {
    if (reading.verdict === 'BLIND' || reading.verdict === 'INVALID') return reading;
    const floor = reading.notBefore !== undefined && reading.notBefore > notBefore ? reading.notBefore : notBefore;
    const blind = reading.evidence.map((each) => blindness(each, floor)).find((reason) => reason !== null);
    if (reading.evidence.length > 0 && blind === undefined) return reading;
    return { ...reading, verdict: 'BLIND', reason: blind ?? 'no evidence' };
  });
}

/** What the gates of a step say together; dry runs have no part in it. */
export interface Assessment {
  /** Every reading as it counts, dry runs included. */
  readonly readings: readonly GateReading[];
  /** A guardrail that says FAIL or INVALID. */
  readonly broken: GateReading | null;
  /** Signals that say FAIL or INVALID and were not overruled. */
  readonly alarmed: readonly GateReading[];
  /** Why not every gate can see; null = they can. */
  readonly blind: string | null;
  /** Gates that see and do not say PASS yet; overruled ones are none of them. */
  readonly undecided: readonly GateReading[];
  /** How many of those that have a say say PASS. */
  readonly passed: number;
  /** How many gates have a say. */
  readonly voices: number;
}

/** Judges the readings of a step's gates. A gate that has a say and was not read is blind. */
export function assess(
  gates: readonly Gate[],
  read: readonly GateReading[],
  notBefore: Date,
  overruled: readonly string[] = [],
): Assessment {
  const voices = gates.filter(({ dryRun }) => dryRun !== true);
  const readings = trusted(read, notBefore);
  const of = (gate: Gate): GateReading[] => readings.filter((reading) => nameOf(reading.gate) === nameOf(gate));
  const counted = voices.flatMap(of);
  // Two answers to one question are no answer, but each of them may say that something is wrong.
  const said = voices.map((gate) => (of(gate).length === 1 ? (of(gate)[0] ?? null) : null));
  const bad = counted.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'INVALID');
  const isOverruled = ({ gate }: GateReading): boolean => overruled.includes(nameOf(gate));
  return {
    readings,
    broken: bad.find(({ gate }) => roleOf(gate) === 'guardrail') ?? null,
    alarmed: bad.filter((reading) => roleOf(reading.gate) === 'signal' && !isOverruled(reading)),
    blind: blindReason(said, isOverruled),
    undecided: counted.filter((reading) => reading.verdict !== 'PASS' && !isOverruled(reading)),
    passed: counted.filter(({ verdict }) => verdict === 'PASS').length,
    voices: voices.length,
  };
}

/** Why the gates cannot all see, or null when they can. An overruled question that is wrong sees nothing either. */
function blindReason(
  said: readonly (GateReading | null)[],
  isOverruled: (reading: GateReading) => boolean,
): string | null {
  if (said.includes(null)) return 'a gate was not read, or more than once';
  const blind = said.find(
    (reading) => reading?.verdict === 'BLIND' || (reading?.verdict === 'INVALID' && isOverruled(reading)),
  );
  return blind == null ? null : `${nameOf(blind.gate)}: ${blind.reason}`;
}
