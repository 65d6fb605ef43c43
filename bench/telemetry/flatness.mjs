/** Events at a steady rate for some minutes, and how the ingest process's memory moves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pairsOf } from './events.mjs';
import { committed, endAll, startIngest } from './ingest.mjs';
import { usageOf } from './processes.mjs';
import { createTopic, freshDatabase, kafkaOf, produce } from './services.mjs';

export async function measureFlatness(services, { minutes, rate, core }) {
  const topic = 'bench.flatness';
  const pairs = pairsOf(1);
  await createTopic(services, topic, 1, { 'retention.bytes': 256 * 1024 ** 2, 'segment.bytes': 64 * 1024 ** 2 });
  const database = await freshDatabase(services, pairs.models);
  const child = startIngest(core, { url: database.url, brokers: services.broker.brokers, topic });
  const producer = kafkaOf(services).producer();
  await producer.connect();
  const points = [];
  const began = performance.now();
  const start = Date.now();
  const until = minutes * 60_000;
  let sent = 0;
  let nextLook = 5_000;
  for (let elapsed = 0; elapsed < until; elapsed = performance.now() - began) {
    const due = Math.floor((elapsed / 1000) * rate);
    const to = Math.min(due, sent + 5_000);
    if (to > sent)
      await produce(services, { topic, form: 'json', pairs, from: sent, to, start, partitions: 1, producer });
    sent = Math.max(sent, to);
    if (due - sent < 1_000) await sleep(50);
    if (elapsed >= nextLook) {
      points.push({ minutes: elapsed / 60_000, megabytes: usageOf(child.pid).rssBytes / 1024 ** 2 });
      nextLook += 5_000;
    }
  }
  for (let tries = 0; tries < 600 && (await committed(database.db, topic)) < sent; tries += 1) await sleep(100);
  const counted = await committed(database.db, topic);
  await producer.disconnect();
  await endAll([child]);
  await database.drop();
  if (counted !== sent) throw new Error(`${counted} of ${sent} records were committed`);
  // The first fifth is the start: code is compiled and buffers grow to their size.
  const settled = points.slice(Math.floor(points.length / 5));
  return {
    minutes,
    sent,
    first: settled[0].megabytes,
    last: settled.at(-1).megabytes,
    most: Math.max(...points.map(({ megabytes }) => megabytes)),
    slope: slopeOf(settled),
  };
}

/** Least squares, megabytes a minute. */
function slopeOf(points) {
  const mean = (read) => points.reduce((sum, point) => sum + read(point), 0) / points.length;
  const x = mean(({ minutes }) => minutes);
  const y = mean(({ megabytes }) => megabytes);
  const over = points.reduce((sum, point) => sum + (point.minutes - x) * (point.megabytes - y), 0);
  const under = points.reduce((sum, point) => sum + (point.minutes - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
