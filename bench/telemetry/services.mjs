/** The real broker and the real PostgreSQL of a run. */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import kafkajs from 'kafkajs';
import pg from 'pg';
import { startBroker } from '../../scripts/kafka/broker.mjs';
import { PERSISTENCE } from '../../dist/app/stages.js';
import { PostgresModelStore } from '../../dist/models/adapters/postgres/model-store.js';
import { connectAndMigrate, createDataSource, Database } from '../../dist/platform/postgres/index.js';
import { startEmbeddedPostgres } from '../../dist/platform/postgres/embedded-postgres.js';
import { aModel } from '../../dist/telemetry/testing/index.js';
import { BATCH, eventOf, FEATURE_NAMES, recordOf } from './events.mjs';

const ROOT = resolve(import.meta.dirname, '../..');

export async function startServices() {
  const broker = await startBroker({ fullJit: true, heapMb: 512 });
  // One of its own: whoever ends first must not stop another run's server.
  const folder = resolve(ROOT, '.ratchet', `bench-postgres-${process.pid}`);
  const postgres = await startEmbeddedPostgres(folder, []);
  return {
    broker,
    postgres,
    stop: async () => {
      await broker.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A fresh database that knows the models. */
export async function freshDatabase({ postgres }, models) {
  const name = `bench_${process.pid}_${Math.floor(performance.now())}`;
  await asAdmin(postgres.url, `CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  const dataSource = createDataSource(url.href, PERSISTENCE, 4);
  await connectAndMigrate(dataSource);
  const db = new Database(dataSource);
  const store = new PostgresModelStore(db);
  const telemetry = { features: FEATURE_NAMES, windowSeconds: 10, labelWaitSeconds: 600 };
  for (const model of models) await store.save({ ...aModel(model, telemetry), revision: 0 });
  return {
    url: url.href,
    db,
    drop: async () => {
      await dataSource.destroy();
      await asAdmin(postgres.url, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function asAdmin(url, statement) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** A client without noise. */
export function kafkaOf({ broker }) {
  return new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING });
}

/** Makes a topic. */
export async function createTopic(services, topic, partitions, config = {}) {
  const admin = kafkaOf(services).admin();
  await admin.connect();
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value: String(value) }));
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: true });
  await admin.disconnect();
}

/** Appends events `[from, to)` in one of the forms, spread over the partitions; returns how many records they are. */
export async function produce(services, { topic, form, pairs, from, to, start, partitions, producer: given }) {
  const producer = given ?? kafkaOf(services).producer();
  if (given === undefined) await producer.connect();
  const size = form === 'protobuf-batch' ? BATCH : 1;
  const most = Math.ceil(1000 / size);
  let records = 0;
  for (let at = from; at < to;) {
    const messages = [];
    for (; at < to && messages.length < most; at += size) {
      const events = Array.from({ length: Math.min(size, to - at) }, (_, i) => eventOf(at + i, pairs, start));
      // A key decides nothing here: records are dealt out, so that all partitions are equally full.
      messages.push({ value: recordOf(form, events), partition: records++ % partitions });
    }
    await producer.send({ topic, acks: 1, messages });
  }
  if (given === undefined) await producer.disconnect();
  return records;
}
