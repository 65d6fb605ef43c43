import { Command, CommanderError, Option } from 'commander';
import { ROLES } from '../kernel/audit.js';
import { act, label, submit, trigger } from './commands/act.js';
import { createToken, listAudit, listTokens, revokeToken, verifyAudit } from './commands/admin.js';
import { apply } from './commands/apply.js';
import { listLetters, replayLetters, showLetter } from './commands/dlq.js';
import { get, history } from './commands/get.js';
import { addRolloutVerbs } from './commands/rollout-verbs.js';
import { addTriggerVerbs } from './commands/trigger-verbs.js';
import { EXIT, Failure } from './failure.js';
import { KINDS } from './kinds.js';
import { connected, open, type Session, type Surroundings } from './session.js';

/** Runs one command line (without the program's name) and answers the exit code. */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const program = buildProgram(surroundings);
  try {
    refuseUnknownCommand(program, args);
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof Failure)) throw error;
    surroundings.err(`ratchet: ${error.message}`);
    return error.exitCode;
  }
}

/** Commander answers `--help` before it looks whether there is such a command, and then ends well. */
function refuseUnknownCommand(program: Command, args: readonly string[]): void {
  let command = program;
  for (const word of args) {
    if (word.startsWith('-') || command.commands.length === 0) return;
    if (word === 'help') continue;
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) {
      const known = command.commands.map((one) => one.name()).join(', ');
      throw new Failure(`unknown command "${[...pathOf(command), word].join(' ')}"; there are: ${known}.`, EXIT.usage);
    }
    command = next;
  }
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

function buildProgram(surroundings: Surroundings): Command {
  const program = quiet(new Command('ratchet'), surroundings)
    .description('Keeps served models as small and as fast as their quality allows.')
    .showHelpAfterError('(--help says more)');

  /** Adds a command whose action gets the session first. */
  const add = (
    parent: Command,
    usage: string,
    description: string,
    action: (session: Session, command: Command) => Promise<void>,
  ) => {
    const command = connected(quiet(parent.command(usage), surroundings), surroundings).description(description);
    return command.action(async () => action(open(command, surroundings), command));
  };
  const reason = ['--reason <text>', 'why; for the audit log'] as const;

  add(program, 'apply', 'create or change models by their documents', (session, command) =>
    apply(session, command.opts()['file'] as string),
  ).requiredOption('-f, --file <file>', 'YAML or JSON; a relative spec.reference.artifact is looked for beside it');

  add(program, 'get <kind> [id]', `list things or show one: ${Object.keys(KINDS).join(', ')}`, (session, command) =>
    get(session, command.args[0] ?? '', command.args[1], command.opts()['model'] as string | undefined),
  ).option('-m, --model <model>', 'of which model; not needed when there is only one');

  add(program, 'history <model>', 'which version served when', (session, command) =>
    history(session, command.args[0] ?? '', command.opts()['at'] as string | undefined),
  ).option('--at <time>', 'only what served at this time');

  add(program, 'label <model>', 'send labels that came late', (session, command) =>
    label(session, command.args[0] ?? '', command.opts()['file'] as string),
  ).requiredOption('-f, --file <file>', 'a list of {requestId, label}');

  add(program, 'submit <model> <file>', 'submit an ONNX file as a candidate', (session, command) =>
    submit(session, command.args[0] ?? '', command.args[1] ?? '', command.opts()['holdout'] as string | undefined),
  ).option('--holdout <file>', 'evaluate it on this snapshot instead of a fresh one');

  add(program, 'trigger <model>', 'compress now, whatever the monitors say', (session, command) =>
    trigger(session, command.args[0] ?? '', command.opts<{ reason: string; recipe?: string }>()),
  )
    .requiredOption(...reason)
    .option('--recipe <name>', 'what to run; quantize-static when absent, `triggers ladder` shows the names');

  for (const [verb, collection, description] of ACTIONS) {
    add(program, `${verb} <id>`, description, (session, command) =>
      act(session, collection, verb, command.args[0] ?? '', command.opts()['reason'] as string),
    ).requiredOption(...reason);
  }
  addDeadLetters(program, add);
  addTriggerVerbs(program, add);
  addRolloutVerbs(program, add);
  addAdministration(program, add);
  return program;
}

const ACTIONS = [
  ['approve', 'promotions', 'let a promotion that waits for approval happen'],
  ['reject', 'promotions', 'refuse a promotion that waits for approval'],
  ['pause', 'rollouts', 'hold a rollout at its present weight'],
  ['resume', 'rollouts', 'let a paused rollout go on'],
  ['abort', 'rollouts', 'give all traffic back to the champion at once'],
  ['cancel', 'jobs', 'end a job'],
] as const;

type Add = (
  parent: Command,
  usage: string,
  description: string,
  action: (session: Session, command: Command) => Promise<void>,
) => Command;

function addDeadLetters(program: Command, add: Add): void {
  const dlq = program.command('dlq').description('dead letters: events and labels that were refused');
  const filtered = (command: Command): Command =>
    command
      .option('-m, --model <model>', 'only those about this model')
      .option('--class <class>', 'only those refused for this class of reason, e.g. not-json')
      .option('--topic <topic>', 'only those that came by this topic')
      .option('--since <time>', 'only those at or after this time');
  filtered(
    add(dlq, 'list', 'what was refused, newest first', (session, command) => listLetters(session, ownOptions(command))),
  )
    .option('--before <id>', 'only those with a lower id: the next page')
    .option('--limit <count>', 'how many', '50');
  add(dlq, 'show <id>', 'one of them, with its first bytes', (session, command) =>
    showLetter(session, command.args[0] ?? ''),
  );
  filtered(
    add(dlq, 'replay [id]', 'read refused events once more and feed them in, each once', (session, command) =>
      replayLetters(session, command.args[0], ownOptions(command)),
    ),
  )
    .option('--all', 'all that the filters leave and that were not replayed before')
    .option('--limit <count>', 'with --all: at most so many, the newest first', '100')
    .requiredOption('--reason <text>', 'why; for the audit log');
}

/** What was asked of the command itself, without the options that every command has. */
function ownOptions<Options>(command: Command): Options {
  const { url: _url, token: _token, output: _output, ...own } = command.opts<Record<string, unknown>>();
  return own as Options;
}

function addAdministration(program: Command, add: Add): void {
  const token = program.command('token').description('API tokens');
  add(token, 'create <name>', 'create a token and print it this once', (session, command) =>
    createToken(
      session,
      command.args[0] ?? '',
      command.opts()['role'] as string,
      command.opts()['expires'] as string | undefined,
    ),
  )
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--expires <time>', 'when it stops working; never, when absent');
  add(token, 'list', 'list the tokens', listTokens);
  add(token, 'revoke <id>', 'revoke a token for good', (session, command) =>
    revokeToken(session, command.args[0] ?? ''),
  );

  const audit = program.command('audit').description('the audit log');
  add(audit, 'list', 'the newest changes', (session, command) =>
    listAudit(session, command.opts()['limit'] as string),
  ).option('--limit <count>', 'how many', '50');
  add(audit, 'verify', 'walk the hash chain; exits 1 when it is broken', verifyAudit);
}

/** Errors are thrown instead of ending the process, and written where the surroundings say. */
function quiet(command: Command, { out, err }: Surroundings): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => {
      out(text.trimEnd());
    },
    writeErr: (text) => {
      err(text.trimEnd());
    },
  });
}
