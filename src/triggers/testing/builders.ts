import { someDigest } from '../../models/testing/index.js';
import { type Finding, type FindingState, type MonitorName, TOLERATED_RATE } from '../../monitors/index.js';
import type { Trigger, TriggerSpec, TriggerStatus } from '../domain/trigger.js';

export const T0 = new Date('2026-01-01T00:00:00.000Z');
export const CHAMPION = someDigest('a');
export const REFERENCE = someDigest('f');
export const later = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);

/** A finding whose monitor tolerates 3 %; the level is what an alarm would show. */
export function aFinding(monitor: MonitorName, state: FindingState, changes: Partial<Finding> = {}): Finding {
  const evidence = { samples: 1_000, newestAt: T0, series: 1, warnings: [], query: 'test' };
  const value = state === 'alarm' ? 0.1 : 0.02;
  return {
    model: 'digits',
    version: CHAMPION,
    monitor,
    state,
    since: T0,
    observedAt: T0,
    evidence: [{ ...evidence, name: TOLERATED_RATE, value: 0.03 }],
    falseAlarm: 'rarely',
    explanation: `It is ${state}.`,
    changeAt: state === 'alarm' ? T0 : null,
    level: { value, lower: value / 2, upper: value * 2, samples: 400 },
    ...changes,
  };
}

export function aTrigger(
  number: number,
  spec: Partial<TriggerSpec> = {},
  status: TriggerStatus = { phase: 'Open' },
): Trigger {
  return {
    id: `digits-t${number}`,
    model: 'digits',
    spec: {
      cause: 'compression-damage',
      remedy: { recipe: 'quantize-static', rung: 0, parameters: {} },
      champion: CHAMPION,
      reference: REFERENCE,
      reasons: [],
      findings: [],
      freshSince: null,
      ...spec,
    },
    status,
    revision: 1,
    createdAt: T0,
    updatedAt: T0,
  };
}
