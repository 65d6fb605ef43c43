import { type Command, Option } from 'commander';
import { Client } from './client.js';
import { type Column, document, type Format, FORMATS, type Output, table } from './output.js';

/** What every command gets: the API, and a way to show an answer in the format that was asked for. */
export interface Session {
  readonly client: Client;
  readonly format: Format;
  /** `value` as JSON or YAML, or what `human` says. */
  show(value: unknown, human: () => string): void;
  /** A list answer; `columns` for a table. */
  list(answer: { readonly items: readonly object[] }, columns: readonly Column[]): void;
  /** Something beside the answer, for people; never on standard output. */
  note(text: string): void;
}

/** Where the program runs: what it may read and where it writes. */
export interface Surroundings extends Output {
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface ConnectionOptions {
  readonly url: string;
  readonly token?: string;
  readonly output: Format;
}

/** Adds the options that every command has; `open` makes the session out of them. */
export function connected(command: Command, { env }: Surroundings): Command {
  return command
    .option('--url <url>', 'where Ratchet is, or RATCHET_URL', env['RATCHET_URL'] ?? 'http://127.0.0.1:8080')
    .option('--token <token>', 'API token; better in RATCHET_TOKEN, where no process list shows it')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(FORMATS).default('table'));
}

export function open(command: Command, { env, out, err }: Surroundings): Session {
  const options = command.opts<ConnectionOptions>();
  const format = options.output;
  const show = (value: unknown, human: () => string): void => {
    out(format === 'table' ? human() : document(value, format));
  };
  return {
    client: new Client(options.url, options.token ?? env['RATCHET_TOKEN']),
    format,
    show,
    list: (answer, columns) => {
      show(answer, () => table(answer.items, columns));
    },
    note: err,
  };
}
