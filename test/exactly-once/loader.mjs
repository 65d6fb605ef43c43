/**
 * Writes a known stream until SIGTERM and journals what the broker acknowledged: one line a batch with the partition, the
 * first offset and the number of records. What each record should count as is in its headers, for the verifier only.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import protobuf from 'protobufjs';
import { ROOT } from '../../scripts/setup/places.mjs';
import { registerZstd } from './zstd.mjs';
import { seeded } from './seeded.mjs';

const { BROKERS, JOURNAL, RATE, SEED } = process.env;
const TICK_MS = 50;
const PARTITIONS = 4;
const VERSIONS = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
const random = seeded(Number(SEED) + 1);
const pick = (list) => list[Math.floor(random() * list.length)];
const proto = join(ROOT, 'schemas/telemetry/inference.proto');
const Record = existsSync(proto)
  ? protobuf.parse(readFileSync(proto, 'utf8'), { keepCase: false }).root.lookupType('ratchet.telemetry.v1.Record')
  : null;

registerZstd();
// Of the whole client, because its connections have retries of their own: it must outlast any restart of the broker.
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 10_000 };
const brokers = BROKERS.split(',');
const kafka = new kafkajs.Kafka({ clientId: 'loader', brokers, logLevel: kafkajs.logLevel.NOTHING, retry });
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  retry,
});

let id = 0;
let stopping = false;
let records = 0;
const unlabelled = [];
process.on('SIGTERM', () => {
  stopping = true;
});

/** One record: topic, value, and what it must count as. */
function next() {
  const dice = random();
  if (dice < 0.03) return { topic: 'ratchet.inference', value: garbage(), headers: { kind: 'bad' } };
  if (dice < 0.04) return { topic: 'ratchet.labels', value: garbage(), headers: { kind: 'bad' } };
  if (dice < 0.12 && unlabelled.length > 0) return label(unlabelled.shift());
  if (dice < 0.24) return labelledEvent();
  return Record !== null && dice < 0.5 ? binaryEvents() : bulkEvent();
}

function bulkEvent() {
  const failed = random() < 0.05;
  const version = pick(VERSIONS);
  return jsonEvent('bulk', version, failed);
}

function labelledEvent() {
  const requestId = `r${id + 1}`;
  unlabelled.push({ requestId, label: Math.floor(random() * 4) });
  return jsonEvent('labelled', VERSIONS[0], false);
}

function jsonEvent(model, version, failed) {
  id += 1;
  const answer = failed ? { error: 'runtime' } : { prediction: id % 4, confidence: 0.5 + (id % 50) / 100 };
  const value = JSON.stringify({
    ...{ schema: 'ratchet.dev/inference/v1', requestId: `r${id}`, model, version: `sha256:${version}` },
    ...{ at: Date.now(), latencyMs: 1 + (id % 40) },
    ...answer,
  });
  return {
    topic: 'ratchet.inference',
    value,
    headers: { kind: 'events', model, version, events: '1', errors: failed ? '1' : '0' },
  };
}

/** One Protobuf record of three events, encoded by another library than Ratchet's own reader. */
function binaryEvents() {
  const version = pick(VERSIONS);
  const inferences = [0, 1, 2].map(() => {
    id += 1;
    return { requestId: `r${id}`, atMs: Date.now(), latencyMs: 1 + (id % 40), prediction: id % 4, confidence: 0.75 };
  });
  const message = Record.fromObject({ model: 'bulk', version: Buffer.from(version, 'hex'), inferences });
  return {
    topic: 'ratchet.inference',
    value: Buffer.from(Record.encode(message).finish()),
    headers: {
      kind: 'events',
      model: 'bulk',
      version,
      events: '3',
      errors: '0',
      'content-type': 'application/x-protobuf',
    },
  };
}

function label({ requestId, label: truth }) {
  const value = JSON.stringify({ schema: 'ratchet.dev/label/v1', model: 'labelled', requestId, label: truth });
  return { topic: 'ratchet.labels', value, headers: { kind: 'label' } };
}

function garbage() {
  id += 1;
  const event = {
    schema: 'ratchet.dev/inference/v1',
    requestId: `r${id}`,
    at: Date.now(),
    latencyMs: 1,
    prediction: 0,
  };
  return pick([
    `{"broken": ${id}`,
    null,
    JSON.stringify({ ...event, model: 'nobody', version: `sha256:${VERSIONS[0]}` }),
    JSON.stringify({ ...event, model: 'bulk', version: 'latest' }),
    JSON.stringify({ ...event, schema: 'somebody.else/v7' }),
  ]);
}

/** kafkajs tries again by itself, with the same sequence numbers, until the broker has it: nothing is lost or doubled. */
async function write(count) {
  const groups = new Map();
  for (let n = 0; n < count; n += 1) {
    const { topic, value, headers } = next();
    const partition = Math.floor(random() * PARTITIONS);
    const key = `${topic} ${partition}`;
    const group = groups.get(key) ?? { topic, partition, messages: [] };
    group.messages.push({ partition, value, headers });
    groups.set(key, group);
  }
  const topics = new Map();
  for (const { topic, messages } of groups.values()) topics.set(topic, [...(topics.get(topic) ?? []), ...messages]);
  const answers = await producer.sendBatch({
    acks: -1,
    compression: kafkajs.CompressionTypes.ZSTD,
    topicMessages: [...topics].map(([topic, messages]) => ({ topic, messages })),
  });
  const lines = answers.map(({ topicName, partition, baseOffset }) => {
    const { length } = groups.get(`${topicName} ${partition}`).messages;
    records += length;
    return `${JSON.stringify({ topic: topicName, partition, base: Number(baseOffset), count: length })}\n`;
  });
  appendFileSync(JOURNAL, lines.join(''));
}

await producer.connect();
process.stdout.write('loading\n');
let owed = 0;
let last = performance.now();
while (!stopping) {
  await sleep(TICK_MS);
  const now = performance.now();
  // What was missed while the broker was away is made up for in part only: a burst, not a flood.
  owed = Math.min(owed + ((now - last) * Number(RATE)) / 1000, Number(RATE));
  last = now;
  const count = Math.floor(owed);
  owed -= count;
  if (count > 0) await write(count);
}
writeFileSync(`${JOURNAL}.total`, JSON.stringify({ records }));
await producer.disconnect();
process.exit(0);
