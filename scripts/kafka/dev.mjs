#!/usr/bin/env node
/** `npm run dev:kafka`: one real Kafka broker in the foreground. `--help` tells how. */
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { release } from '../setup/lock.mjs';
import { ROOT } from '../setup/places.mjs';
import { endCurrent, SetupProblem } from '../setup/program.mjs';
import { say, seconds } from '../setup/report.mjs';
import { startBroker } from './broker.mjs';
import { kafkaVersion } from './distribution.mjs';

const TOPICS = ['ratchet.inference', 'ratchet.labels', 'ratchet.cloudevents'];
const USAGE = `usage: npm run dev:kafka -- [--port N] [--data FOLDER] [--partitions N] [--topic NAME]… [--fresh] [--archive]

Starts one real Apache Kafka ${kafkaVersion()} broker on the loopback address and keeps it until Ctrl-C. Needs Java 17 or newer, and
Maven once, to fetch Kafka's jars into .runtime/kafka.

  --port N         its port; default 9092, or any free one for 0
  --data FOLDER    where it keeps its log; default .ratchet/kafka/dev; kept for the next start
  --fresh          with a log of its own that goes with it
  --partitions N   of the topics that it creates; default 4
  --topic NAME     a topic to create; repeat it for more; default ${TOPICS.join(', ')}
  --archive        first make the JVM's class-data archive: a minute once, later starts take half the time
  --help           this text`;

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9092' },
      data: { type: 'string', default: join(ROOT, '.ratchet', 'kafka', 'dev') },
      partitions: { type: 'string', default: '4' },
      topic: { type: 'string', multiple: true, default: TOPICS },
      fresh: { type: 'boolean', default: false },
      archive: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const port = wholeNumber('--port', values.port, 0, 65_535);
  const partitions = wholeNumber('--partitions', values.partitions, 1, 1_000);
  if (values.archive) await makeArchive();
  const began = Date.now();
  const broker = await startBroker({
    port,
    partitions,
    topics: values.topic,
    ...(values.fresh ? {} : { data: values.data }),
  });
  stop = () => broker.stop();
  say(
    `Kafka ${kafkaVersion()} is ready (${seconds(Date.now() - began)}); topics ${values.topic.join(', ')}; Ctrl-C stops it`,
  );
  say(`KAFKA_BROKERS=${broker.brokers}`);
  await new Promise((done) => {
    const look = setInterval(() => {
      if (!broker.hasEnded) return;
      clearInterval(look);
      done();
    }, 500);
  });
  if (!stopping) throw new SetupProblem(`Kafka ended by itself; see ${broker.logFile}`);
}

async function makeArchive() {
  say('making the class-data archive');
  const broker = await startBroker({ archive: 'make', topics: TOPICS });
  await broker.stop();
}

function wholeNumber(option, text, least, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new SetupProblem(`${option} must be a whole number from ${least} to ${most}, not "${text}"\n\n${USAGE}`);
}

let stopping = false;
let stop = () => endCurrent();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    say('\nKafka is stopping');
    void Promise.resolve(stop()).then(() => {
      release();
      process.exit(0);
    });
  });
}

main().catch((error) => {
  if (stopping) return;
  if (!(error instanceof SetupProblem) && !String(error?.code).startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`dev:kafka: ${error.message}`);
  process.exitCode = 1;
});
