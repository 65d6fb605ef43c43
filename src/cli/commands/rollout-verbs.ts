import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.js';
import { act } from './act.js';
import { explainRollout } from './explain.js';
import { findRollout, getRollout, rolloutStatus } from './rollout.js';
import type { AddCommand } from './trigger-verbs.js';

const VERBS = [
  ['start', 'let the first step begin when it waits for an approval'],
  ['pause', 'hold the present weight'],
  ['resume', 'go on with a paused step, on new evidence'],
  ['advance', 'leave out the rest of the present hold'],
  ['approve', 'let the step begin that waits for an approval'],
  ['promote', 'promote now, leaving out the other steps'],
  ['abort', 'give all traffic back to the champion at once'],
  ['retry', 'try the candidate again after its rollout went back or was aborted'],
] as const;

/** `rollout …`, `explain` and `rollback`: a name is a rollout's id, or a model for its newest rollout. */
export function addRolloutVerbs(program: Command, add: AddCommand): void {
  const rollout = program.command('rollout').description('stepwise shifts of traffic: look, wait, act');
  add(rollout, 'get <name>', 'set and actual weight, gates, schedule', (session, command) =>
    getRollout(session, command.args[0] ?? '', command.opts()['watch'] === true),
  ).option('-w, --watch', 'again at every change, until it is at rest');
  add(
    rollout,
    'status <name>',
    'wait for the end; exits 0 promoted, 1 rolled back or aborted, 2 out of time, 3 paused or awaiting an approval',
    (session, command) => rolloutStatus(session, command.args[0] ?? '', seconds(command.opts()['timeout'] as string)),
  ).option('--timeout <seconds>', 'how long to wait, e.g. 600 or 600s', '60');
  add(rollout, 'explain <name>', 'every decision with what it rested on', (session, command) =>
    explainRollout(session, command.args[0] ?? ''),
  );
  for (const [verb, description] of VERBS) {
    add(rollout, `${verb} <name>`, description, async (session, command) => {
      const { id } = await findRollout(session, command.args[0] ?? '');
      await act(session, 'rollouts', verb, id, command.opts()['reason'] as string);
    }).requiredOption('--reason <text>', 'why; for the audit log');
  }
  add(
    program,
    'explain <rollout>',
    'why a rollout went as it did: inputs, thresholds, evidence, who asked',
    (session, command) => explainRollout(session, command.args[0] ?? ''),
  );
  add(program, 'rollback <promotion>', 'take a promotion back: the former champion serves again', (session, command) =>
    act(session, 'promotions', 'rollback', command.args[0] ?? '', command.opts()['reason'] as string),
  ).requiredOption('--reason <text>', 'why; for the audit log');
}

function seconds(given: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(given);
  if (match === null) throw new Failure(`"${given}" is no duration; say seconds, e.g. 90 or 90s or 5m.`, EXIT.usage);
  const unit = { s: 1, m: 60, h: 3_600 }[match[2] ?? 's'] ?? 1;
  return Number(match[1]) * unit;
}
