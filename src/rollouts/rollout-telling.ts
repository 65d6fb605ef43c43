import { VERDICTS } from '../kernel/index.js';
import type { Gate } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import { nameOf } from './domain/gates.js';
import type { RolloutObservation } from './domain/observation.js';
import { type GateReading, isEnded, type Rollout, ROLLOUT_TRANSITIONS, type RolloutStatus } from './domain/rollout.js';
import {
  actualWeightRatio,
  blindSeconds,
  closingAttempts,
  confirmBySeconds,
  decisionsTotal,
  gateLimit,
  gateSamples,
  gateValue,
  gateVerdict,
  gateVerdictsTotal,
  rolloutInfo,
  setWeightRatio,
  stepInfo,
  stepSeconds,
  transitionsTotal,
} from './metrics.js';

const PHASES = Object.keys(ROLLOUT_TRANSITIONS) as RolloutStatus['phase'][];

/** Says what a pass saw and did, after it was saved: metrics on every pass, a line of log on a transition. */
export function tellPass(before: Rollout, saved: Rollout, seen: RolloutObservation, confirmBy: Date | null): void {
  const { model, status } = saved;
  tellPhase(saved);
  tellTimes(saved, seen, confirmBy);
  if (before.revision !== saved.revision) decisionsTotal.inc({ phase: status.phase });
  const changed = before.status.phase !== status.phase || stepOf(before.status) !== stepOf(status);
  for (const { gate, verdict } of seen.readings) gateVerdictsTotal.inc({ gate: gate.kind, verdict });
  if (changed) forgetGates(model);
  else for (const reading of seen.readings) tellGate(model, reading);
  if (!changed) return;
  transitionsTotal.inc({ phase: status.phase });
  const reason = 'reason' in status ? status.reason : undefined;
  log.info({ rollout: saved.id, phase: status.phase, step: stepOf(status), reason }, 'rollout advanced');
}

/** The same for a pass of an ended rollout that brings its traffic to rest. */
export function tellClosing(saved: Rollout, attempts: number): void {
  const { model, status } = saved;
  tellPhase(saved);
  closingAttempts.set({ model }, attempts);
  confirmBySeconds.set({ model }, Number.NaN);
  if (attempts === 0) log.info({ rollout: saved.id, phase: status.phase }, 'traffic of an ended rollout is at rest');
}

function tellPhase({ model, status, spec }: Rollout): void {
  for (const phase of PHASES) rolloutInfo.set({ model, phase }, phase === status.phase ? 1 : 0);
  const traffic = 'traffic' in status ? status.traffic : undefined;
  setWeightRatio.set({ model }, (traffic?.set ?? 0) / 100);
  actualWeightRatio.set({ model }, traffic == null || traffic.actual === null ? Number.NaN : traffic.actual / 100);
  stepInfo.set({ model, bound: 'present' }, Math.max(0, stepOf(status) + 1));
  stepInfo.set({ model, bound: 'last' }, spec.policy.steps.length);
}

function tellTimes({ model, status }: Rollout, { now }: RolloutObservation, confirmBy: Date | null): void {
  const since = (from: Date | null): number => (from === null ? 0 : (now.getTime() - from.getTime()) / 1000);
  const progressing = status.phase === 'Progressing' ? status : null;
  stepSeconds.set({ model }, since(progressing?.stepSince ?? ('since' in status ? status.since : null)));
  blindSeconds.set({ model }, progressing === null ? 0 : progressing.blindMs / 1000 + since(progressing.blindSince));
  confirmBySeconds.set({ model }, confirmBy === null || isEnded(status) ? Number.NaN : -since(confirmBy));
  closingAttempts.set({ model }, 0);
}

function tellGate(model: string, reading: GateReading): void {
  const { gate, verdict, evidence } = reading;
  const name = nameOf(gate);
  told.set(model, (told.get(model) ?? new Set()).add(name));
  for (const each of VERDICTS) gateVerdict.set({ model, gate: name, verdict: each }, each === verdict ? 1 : 0);
  gateValue.set({ model, gate: name }, valueOf(reading) ?? Number.NaN);
  gateSamples.set({ model, gate: name }, evidence.length === 0 ? 0 : Math.min(...evidence.map((each) => each.samples)));
  for (const [bound, limit] of limitsOf(gate)) gateLimit.set({ model, gate: name, bound }, limit);
}

/** The number that the gate's limit is for: the loss of an accuracy gate, otherwise the first evidence's value. */
export function valueOf({ gate, evidence }: GateReading): number | null {
  const [candidate, champion] = evidence;
  if (gate.kind !== 'accuracy' || champion === undefined) return candidate?.value ?? null;
  if (candidate?.value == null || champion.value === null) return null;
  return champion.value - candidate.value;
}

/** A gate's limits in the unit of its value. */
export function limitsOf(gate: Gate): (readonly ['min' | 'max', number])[] {
  switch (gate.kind) {
    case 'error-ratio':
      return [['max', gate.max]];
    case 'latency-p95':
    case 'latency-p99':
      return [['max', gate.maxMs]];
    case 'accuracy':
      return [['max', gate.maxLoss]];
    case 'agreement':
      return [['min', gate.min]];
    case 'promql':
      return [
        ...(gate.min === null ? [] : [['min', gate.min] as const]),
        ...(gate.max === null ? [] : [['max', gate.max] as const]),
      ];
  }
}

/** Names of the gates that were told of each model. */
const told = new Map<string, Set<string>>();

/** Gates of another step, or of a rollout that has ended, must not look as if they were still read. */
function forgetGates(model: string): void {
  for (const gate of told.get(model) ?? []) {
    gateValue.remove({ model, gate });
    gateSamples.remove({ model, gate });
    for (const bound of ['min', 'max']) gateLimit.remove({ model, gate, bound });
    for (const verdict of VERDICTS) gateVerdict.remove({ model, gate, verdict });
  }
  told.delete(model);
}

function stepOf(status: RolloutStatus): number {
  return 'step' in status ? (status.step ?? -1) : -1;
}
