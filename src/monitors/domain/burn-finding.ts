import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { type BurnLook, type BurnState, ruleName } from './burn-rate.js';
import type { Statement } from './statement.js';

/**
 * An objective's statement together with its burn rates: it alarms when the test or any rule does, and says which. A rule is
 * heard when its long window holds `minimumSamples` requests and its newest window is no older than its short one; where
 * the test has too little to say, a rule that was heard is enough to be calm.
 */
export function withBurnRates(
  statement: Statement,
  burn: BurnState,
  what: string,
  policy: MonitorPolicy,
  now: Date,
): Statement {
  if (policy.burnRates.length === 0) return statement;
  const heard = burn.looks.filter((look) => isHeard(look, policy, now));
  const firing = heard.filter((look) => look.fires);
  const evidence = [...statement.evidence, ...burn.looks.flatMap((look) => evidenceOf(look, what))];
  const scores = [...(statement.scores ?? []), ...heard.map(scoreOf)];
  const falseAlarm = `${statement.falseAlarm} Burn rates (${policy.burnRates.map(ruleName).join('; ')}) spend ${policy.burnRates.length} of ${policy.burnRates.length + 1} parts of the level: n/${policy.falseAlarmEvery.toLocaleString('en-US')} expected false alarms within n requests altogether.`;
  const common = { ...statement, evidence, scores, falseAlarm };
  if (firing.length > 0) {
    const explanation = `${firing.map((look) => sentence(look, what)).join(' ')} ${statement.explanation}`;
    return { ...common, state: 'alarm', explanation };
  }
  if (statement.state === 'alarm') return { ...common, explanation: `${statement.explanation} No burn rate fires.` };
  if (statement.state === 'calm' || heard.length === 0) return common;
  const explanation = `Over ${heard.map(({ rule }) => ruleName(rule)).join('; ')} the budget of ${what} does not burn too fast. ${statement.explanation}`;
  return { ...common, state: 'calm', explanation };
}

function isHeard(look: BurnLook, policy: MonitorPolicy, now: Date): boolean {
  const age = now.getTime() - look.at;
  return look.requests >= policy.minimumSamples && look.shortBurn !== null && age <= look.rule.shortSeconds * 1000;
}

function sentence({ rule, longBurn, shortBurn }: BurnLook, what: string): string {
  return `The budget of ${what} burns ${rate(longBurn)} and ${rate(shortBurn ?? 0)} times as fast as allowed over ${ruleName(rule)} (the rule fires at ${rule.factor}).`;
}

function scoreOf({ rule, longBurn, shortBurn }: BurnLook) {
  return { name: burnName(rule), score: Math.min(longBurn, shortBurn ?? 0), threshold: rule.factor };
}

function burnName(rule: BurnLook['rule']): string {
  return `burn-${rule.longSeconds}s-${rule.shortSeconds}s`;
}

function evidenceOf({ rule, requests, at, longBurn, shortBurn, pValue }: BurnLook, what: string): Evidence[] {
  const entry = (name: string, value: number | null): Evidence => ({
    name: `${burnName(rule)}.${name}`,
    value,
    samples: requests,
    newestAt: new Date(at),
    series: 1,
    warnings: [],
    query: `${what} of the champion's windows over ${ruleName(rule)}`,
  });
  return [entry('long', longBurn), entry('short', shortBurn), entry('factor', rule.factor), entry('p_value', pValue)];
}

function rate(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
