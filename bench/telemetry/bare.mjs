/**
 * What everything is compared with, in a process of its own that is pinned like the ingest process:
 *   node bare.mjs parse              toString and JSON.parse of the JSON events, nothing else
 *   node bare.mjs consume BROKERS TOPIC RECORDS    kafkajs hands every record over, nothing else
 * Prints one line of JSON: items, CPU microseconds, wall milliseconds.
 */
import kafkajs from 'kafkajs';
import { eventOf, pairsOf, recordOf } from './events.mjs';

const [, , mode, ...rest] = process.argv;
const measured = mode === 'parse' ? parse() : await consume(...rest);
console.log(JSON.stringify(measured));

function parse() {
  const pairs = pairsOf(1);
  const records = Array.from({ length: 20_000 }, (_, n) => recordOf('json', [eventOf(n, pairs, Date.now())]));
  let sum = 0;
  const loop = () => {
    for (const record of records) sum += JSON.parse(record.toString()).at;
  };
  for (let round = 0; round < 5; round += 1) loop();
  const rounds = 15;
  const since = mark();
  for (let round = 0; round < rounds; round += 1) loop();
  return { items: rounds * records.length, ...since(), bytes: records[0].length, sum };
}

async function consume(brokers, topic, count) {
  const kafka = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `bare-${process.pid}`,
    maxBytes: 16 * 1024 * 1024,
    maxBytesPerPartition: 8 * 1024 * 1024,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const total = Number(count);
  const warm = Math.floor(total * 0.2);
  return new Promise((resolve) => {
    let seen = 0;
    let since = null;
    let from = 0;
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        seen += batch.messages.length;
        if (since === null && seen >= warm) {
          since = mark();
          from = seen;
        }
        if (seen < total || since === null) return;
        const cost = since();
        void consumer.disconnect().then(() => resolve({ items: seen - from, ...cost }));
      },
    });
  });
}

function mark() {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { cpuUs: user + system, wallMs: performance.now() - wall };
  };
}
