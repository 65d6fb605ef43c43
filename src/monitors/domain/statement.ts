import type { Digest } from '../../kernel/index.js';
import type { Finding, MonitorName } from './finding.js';

/** One rule of a monitor in figures: what is compared with what. It fires when the score reaches the threshold. */
export interface Score {
  /** Of a closed set a monitor: the rule, and the feature where a rule looks at each. */
  readonly name: string;
  readonly score: number;
  readonly threshold: number;
}

/** What a monitor has to say, without the when and about whom. */
export type Statement = Pick<Finding, 'state' | 'evidence' | 'falseAlarm' | 'explanation' | 'changeAt' | 'level'> & {
  /** For `/metrics`; absent = the evidence called `score` and `threshold`, if there is any. */
  readonly scores?: readonly Score[];
};

/** Makes a finding out of a statement; `since` stays while the state does. */
export function toFinding(
  about: { readonly model: string; readonly version: Digest; readonly monitor: MonitorName },
  statement: Statement,
  previous: Finding | undefined,
  now: Date,
): Finding {
  const since = previous !== undefined && previous.state === statement.state ? previous.since : now;
  const { state, evidence, falseAlarm, explanation, changeAt, level } = statement;
  return { ...about, state, evidence, falseAlarm, explanation, changeAt, level, since, observedAt: now };
}

/** A monitor that cannot say anything, with the reason. */
export function undecided(explanation: string, falseAlarm: string): Statement {
  return { state: 'undecided', evidence: [], falseAlarm, explanation, changeAt: null, level: null };
}
