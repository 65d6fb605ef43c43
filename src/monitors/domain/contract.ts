import { contractInWords, type MonitorPolicy } from '../../models/index.js';
import type { MonitorName } from './finding.js';
import type { Statement } from './statement.js';

/** Monitors whose alarm alone may open a trigger: over these the operator's contract is kept (see the models' contract). */
export const CONTRACTED: readonly MonitorName[] = ['accuracy', 'fidelity', 'latency', 'cost'];

/**
 * Says in their findings which contract the monitors keep, if there is one: it bounds their false alarms, not how often one
 * that stands is acted on, and as surely as p0 is known.
 */
export function withContract(
  statements: ReadonlyMap<MonitorName, Statement>,
  policy: Pick<MonitorPolicy, 'contract'>,
): ReadonlyMap<MonitorName, Statement> {
  const sentence = contractInWords(policy);
  if (sentence === null) return statements;
  const worded = new Map(statements);
  for (const monitor of CONTRACTED) {
    const statement = statements.get(monitor);
    // Without evidence it raises no alarm, and keeps no contract either.
    if (statement !== undefined && statement.evidence.length > 0)
      worded.set(monitor, { ...statement, falseAlarm: `${statement.falseAlarm} ${sentence}` });
  }
  return worded;
}
