/**
 * Reads the whole log, the loader's journal and the tables, and says what does not fit. It shares no code with Ratchet: what
 * a record must count as stands in the record's headers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import kafkajs from 'kafkajs';
import pg from 'pg';
import { registerZstd } from './zstd.mjs';

const { BROKERS, DATABASE, JOURNAL, OUTPUT } = process.env;
const TOPICS = ['ratchet.inference', 'ratchet.labels', 'ratchet.cloudevents'];

registerZstd();
const kafka = new kafkajs.Kafka({
  clientId: 'verifier',
  brokers: BROKERS.split(','),
  logLevel: kafkajs.logLevel.NOTHING,
});
const ends = await endsOfLog();
const truth = await readLog(ends);
const table = await readTables();
const journal = readJournal();

const miscounted = {
  events: difference(truth.events, table.events),
  errors: difference(truth.errors, table.errors),
  labels: Math.abs(truth.labels - table.labels),
  deadLetters: difference(truth.bad, table.bad),
  offsets: difference(ends, table.offsets),
  // The journal is what the broker acknowledged: the log must hold exactly that.
  journal: difference(ends, journal),
};
const total = Object.values(miscounted).reduce((sum, count) => sum + count, 0);
const sum = (map) => [...map.values()].reduce((all, count) => all + count, 0);
writeFileSync(
  OUTPUT,
  JSON.stringify({
    total,
    miscounted,
    truth: {
      ...{ records: sum(ends), events: sum(truth.events), errors: sum(truth.errors), labels: truth.labels },
      ...{ deadLetters: sum(truth.bad), modelVersions: truth.events.size },
    },
  }),
);
process.exit(0);

/** Sum of the absolute differences, key by key. */
function difference(expected, found) {
  const keys = new Set([...expected.keys(), ...found.keys()]);
  return [...keys].reduce((all, key) => all + Math.abs((expected.get(key) ?? 0) - (found.get(key) ?? 0)), 0);
}

async function endsOfLog() {
  const admin = kafka.admin();
  await admin.connect();
  const result = new Map();
  for (const topic of TOPICS) {
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > 0) result.set(`${topic}/${partition}`, Number(high));
    }
  }
  await admin.disconnect();
  return result;
}

async function readLog(wanted) {
  const found = { events: new Map(), errors: new Map(), bad: new Map(), labels: 0 };
  const open = new Set(wanted.keys());
  const consumer = kafka.consumer({ groupId: `verifier-${process.pid}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: TOPICS, fromBeginning: true });
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the log could not be read: ${[...open].join(', ')}`)), 120_000);
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const place = `${batch.topic}/${batch.partition}`;
          for (const { offset, headers } of batch.messages) note(found, `${place}/${offset}`, headers);
          if (Number(batch.lastOffset()) + 1 >= wanted.get(place)) open.delete(place);
          if (open.size > 0) return;
          clearTimeout(late);
          resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return found;
}

function note(found, place, headers) {
  const kind = headers.kind.toString();
  if (kind === 'bad') found.bad.set(place, 1);
  if (kind === 'label') found.labels += 1;
  if (kind !== 'events') return;
  const key = `${headers.model} sha256:${headers.version}`;
  found.events.set(key, (found.events.get(key) ?? 0) + Number(headers.events));
  found.errors.set(key, (found.errors.get(key) ?? 0) + Number(headers.errors));
}

async function readTables() {
  const client = new pg.Client({ connectionString: DATABASE });
  await client.connect();
  const windows = await client.query(
    `SELECT model, version, sum(requests)::float8 AS requests, sum(errors)::float8 AS errors, sum(labelled)::float8 AS labelled
     FROM telemetry."window" GROUP BY model, version`,
  );
  const letters = await client.query(
    `SELECT topic || '/' || partition || '/' || "offset" AS place, count(*)::float8 AS letters
     FROM telemetry.dead_letter GROUP BY topic, partition, "offset"`,
  );
  const offsets = await client.query(
    `SELECT topic || '/' || partition AS place, next::float8 AS next FROM telemetry.intake_offset
     WHERE next > 0 AND topic LIKE 'ratchet.%'`,
  );
  await client.end();
  const key = ({ model, version }) => `${model} ${version}`;
  return {
    events: new Map(windows.rows.map((row) => [key(row), row.requests])),
    errors: new Map(windows.rows.map((row) => [key(row), row.errors])),
    labels: windows.rows.reduce((all, { labelled }) => all + labelled, 0),
    bad: new Map(letters.rows.map(({ place, letters: count }) => [place, count])),
    offsets: new Map(offsets.rows.map(({ place, next }) => [place, next])),
  };
}

function readJournal() {
  const result = new Map();
  for (const line of readFileSync(JOURNAL, 'utf8').trim().split('\n')) {
    const { topic, partition, count } = JSON.parse(line);
    const place = `${topic}/${partition}`;
    result.set(place, (result.get(place) ?? 0) + count);
  }
  return result;
}
