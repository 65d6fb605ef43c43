import type { Digest } from '../../kernel/index.js';
import type { Finding, MonitorName } from './finding.js';

/** What a monitor has to say, without the when and about whom. */
export type Statement = Pick<Finding, 'state' | 'evidence' | 'falseAlarm' | 'explanation' | 'changeAt' | 'level'>;

/** Makes a finding out of a statement; `since` stays while the state does. */
export function toFinding(
  about: { readonly model: string; readonly version: Digest; readonly monitor: MonitorName },
  statement: Statement,
  previous: Finding | undefined,
  now: Date,
): Finding {
  const since = previous !== undefined && previous.state === statement.state ? previous.since : now;
  return { ...about, ...statement, since, observedAt: now };
}

/** A monitor that cannot say anything, with the reason. */
export function undecided(explanation: string, falseAlarm: string): Statement {
  return { state: 'undecided', evidence: [], falseAlarm, explanation, changeAt: null, level: null };
}
