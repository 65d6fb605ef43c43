import { segment } from '../client.js';
import { text } from '../output.js';
import type { Session } from '../session.js';
import { findRollout } from './rollout.js';
import type { Decision, Reading, RolloutAnswer, Status } from './rollout-answers.js';

/** `explain ROLLOUT`: every decision with what it rested on: inputs, thresholds, evidence, who asked and why. */
export async function explainRollout(session: Session, name: string): Promise<void> {
  const rollout = await findRollout(session, name);
  const items: Decision[] = [];
  for (;;) {
    const after = items.at(-1)?.seq ?? 0;
    const path = `/rollouts/${segment(rollout.id)}/decisions?after=${after}&limit=1000`;
    const page = await session.client.get<{ items: readonly Decision[] }>(path);
    items.push(...page.items);
    if (page.items.length < 1_000) break;
  }
  session.show({ rollout, decisions: items }, () => lines(rollout, items).join('\n'));
}

function lines({ id, spec, status }: RolloutAnswer, decisions: readonly Decision[]): string[] {
  const first = decisions[0];
  const made = first === undefined ? '' : ` by policy ${text(first.policy)}, functions ${first.functions}`;
  return [
    `${id} shifts traffic to ${text(spec.candidateVersion)} against ${text(spec.champion)}${made}.`,
    ...decisions.flatMap(explained),
    decisions.length === 0 ? 'Nothing was decided yet.' : `It is ${place(status)} now.`,
  ];
}

function explained({ seq, at, before, observation, decision }: Decision): string[] {
  const { status, traffic, answered } = decision;
  const request = observation?.request ?? null;
  const moved = place(before) === place(status) ? `stays ${place(status)}` : `${place(before)} → ${place(status)}`;
  const seen = observation?.actualWeight ?? null;
  return [
    '',
    `${text(at)}  #${seq}  ${moved}${wished(traffic)}${seen === null ? '' : ` (actual ${seen} %)`}`,
    ...(status.reason === undefined || status.reason === before.reason ? [] : [`  because   ${text(status.reason)}`]),
    ...(request === null ? [] : [`  asked     ${request.verb} by ${request.by}: ${text(request.reason)}`]),
    ...(answered === null ? [] : [`  answered  ${text(answered.note)}`]),
    ...(observation === null ? ['  decided   by promotions'] : observation.readings.map(reading)),
  ];
}

function wished(traffic: number | string): string {
  if (typeof traffic === 'number') return `, weight ${traffic} %`;
  return traffic === 'leave' ? '' : `, ${traffic}`;
}

function reading({ gate, verdict, reason, evidence }: Reading): string {
  const { kind, name = kind, role = 'guardrail', dryRun, minimumSamples: _, query: _query, ...limits } = gate;
  const limit = Object.entries(limits).map(([key, value]) => `${key} ${text(value)}`);
  const rests = evidence.map(
    (each) => `${each.name} = ${text(each.value)} of ${each.samples}, newest ${text(each.newestAt)}`,
  );
  const head = `${name} (${role}${dryRun === true ? ', dry run' : ''}; ${limit.join(', ')})`;
  return `  ${verdict.padEnd(9)} ${head}: ${text(reason)}${rests.length === 0 ? '' : ` [${rests.join('; ')}]`}`;
}

function place({ phase, step }: Status): string {
  return step === undefined ? phase : `${phase} step ${step + 1}`;
}
