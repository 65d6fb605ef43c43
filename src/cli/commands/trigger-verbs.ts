import type { Command } from 'commander';
import type { Session } from '../session.js';
import { get } from './get.js';
import { explainTrigger, triggerBudget, triggerLadder } from './triggers.js';

/** Adds a command whose action gets the session first. */
export type AddCommand = (
  parent: Command,
  usage: string,
  description: string,
  action: (session: Session, command: Command) => Promise<void>,
) => Command;

/** `triggers …` and `decisions`: why something was done, or was not, and what holds it back. */
export function addTriggerVerbs(program: Command, add: AddCommand): void {
  const triggers = program.command('triggers').description('why something was done about a model, or was not');
  add(triggers, 'list <model>', 'triggers, newest first', (session, command) =>
    get(session, 'triggers', undefined, command.args[0]),
  );
  add(triggers, 'explain <trigger>', 'why it was opened, what it cost and what came of it', (session, command) =>
    explainTrigger(session, command.args[0] ?? ''),
  );
  add(triggers, 'budget <model>', 'what holds triggers back and until when', (session, command) =>
    triggerBudget(session, command.args[0] ?? ''),
  );
  add(triggers, 'ladder <model>', 'the remedies of every cause in the order they would be tried', (session, command) =>
    triggerLadder(session, command.args[0] ?? ''),
  );
  add(program, 'decisions <model>', 'what was decided and why, also the decisions not to act', (session, command) =>
    get(session, 'decisions', undefined, command.args[0]),
  );
}
