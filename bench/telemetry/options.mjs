import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench:telemetry -- [--quick] [--runs N] [--events N] [--pairs 1,100,10000]
       [--partitions 1,2,4] [--minutes N] [--rate N] [--forms LIST] [--core N] [--write]

Measures one ingest process pinned to one core against a real Kafka broker and a real PostgreSQL with its default
durability: events a second from the log to committed windows, for the JSON form of 508 bytes and for Protobuf, beside a
bare \`toString + JSON.parse\` loop and a bare consume on the same core in the same run. Medians of the runs. What it costs is
CPU time; a machine with other work on it says so in its wall times, the ratios hold.

  --quick          fewer events and one run: a look, not a figure
  --runs N         runs of each measurement (3)
  --events N       events of one measurement (400000)
  --pairs LIST     (model, version) pairs; the cost an event for each (1)
  --partitions L   as many partitions and processes, each pinned to a core of its own where there are enough (1)
  --minutes N      at the end: events at a steady rate for N minutes, and how the memory moves
  --rate N         that rate (20000)
  --forms LIST     only these forms: json, protobuf, protobuf-document, protobuf-batch
  --core N         the core that is measured (0)
  --write          also writes bench/telemetry/RESULTS.md`;

/** What the arguments say. */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      events: { type: 'string' },
      pairs: { type: 'string', default: '1' },
      partitions: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '0' },
      rate: { type: 'string', default: '20000' },
      forms: { type: 'string' },
      core: { type: 'string', default: '0' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { help: true };
  return {
    help: false,
    quick: values.quick,
    write: values.write,
    runs: positive(values.runs ?? (values.quick ? '1' : '3')),
    events: positive(values.events ?? (values.quick ? '150000' : '400000')),
    pairs: values.pairs.split(',').map(positive),
    partitions: values.partitions.split(',').map(positive),
    minutes: Number(values.minutes),
    rate: positive(values.rate),
    core: Number(values.core),
    forms: values.forms?.split(','),
  };
}

function positive(text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`"${text}" is not a whole number above 0\n\n${USAGE}`);
  return number;
}
