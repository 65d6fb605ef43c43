import { nameOf } from './gates.js';
import type { GateReading, RolloutStatus } from './rollout.js';

/**
 * True when a pass changed something worth a record: phase, step, sight, weight or a gate's verdict. Fresh numbers behind the
 * same verdict are not: they would raise the revision with every pass, and nobody could state a revision that holds.
 */
export function isMaterial(before: RolloutStatus, after: RolloutStatus): boolean {
  return JSON.stringify(outline(before)) !== JSON.stringify(outline(after));
}

function outline(status: RolloutStatus): unknown {
  if (!('readings' in status)) return status;
  const readings = (status.readings ?? []).map(({ gate, verdict }: GateReading) => [nameOf(gate), verdict]);
  // The order of keys is the order of writing, which differs between a fresh status and one that came from the store.
  return Object.entries({ ...status, readings }).sort(([a], [b]) => (a < b ? -1 : 1));
}
