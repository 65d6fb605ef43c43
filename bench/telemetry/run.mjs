#!/usr/bin/env node
/** `npm run bench:telemetry`: what one ingest process takes from the log. `--help` tells how. */
import { execSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { eventOf, FORMS, pairsOf, recordOf } from './events.mjs';
import { measureFlatness } from './flatness.mjs';
import { endAll, measureIngest, startIngest } from './ingest.mjs';
import { readOptions, USAGE } from './options.mjs';
import { median, outputOf } from './processes.mjs';
import { createTopic, freshDatabase, produce, startServices } from './services.mjs';

const options = readOptions(process.argv.slice(2));
const lines = [];
let topics = 0;

if (options.help) console.log(USAGE);
else process.exitCode = await main();

async function main() {
  heading();
  const services = await startServices();
  try {
    const parse = await bareParse();
    for (const partitions of options.partitions) {
      for (const pairs of options.pairs) {
        const forms =
          options.forms ??
          (pairs === options.pairs[0] && partitions === options.partitions[0] ? FORMS : ['json', 'protobuf']);
        await table(services, { partitions, pairs, forms, parse });
      }
    }
    if (options.minutes > 0) await flatness(services);
    if (options.write) writeFileSync(resolve(import.meta.dirname, 'RESULTS.md'), `${lines.join('\n')}\n`);
    return 0;
  } finally {
    await services.stop();
  }
}

function heading() {
  say('# Telemetry: one ingest process from a real Kafka to committed windows', '');
  const command = ['npm run bench:telemetry --', ...process.argv.slice(2)].join(' ');
  say(
    `${new Date().toISOString().slice(0, 16)}Z · ${cpus()[0]?.model.trim()}, ${cpus().length} cores · Node ${process.version} · \`${command}\``,
  );
  say(`Load of the machine at the start: ${execSync('cut -d" " -f1-3 /proc/loadavg').toString().trim()}`, '');
}

async function bareParse() {
  const runs = [];
  for (let run = 0; run < options.runs; run += 1) runs.push(await outputOf(options.core, [file('bare.mjs'), 'parse']));
  const cost = median(runs.map(({ cpuUs, items }) => cpuUs / items));
  say(
    `Bare \`toString + JSON.parse\` of ${runs[0].bytes} bytes: ${cost.toFixed(2)} µs of CPU, ${rate(cost)} events a CPU-second.`,
    '',
  );
  return cost;
}

/** All forms, beside the bare consume of each, in the same run. */
async function table(services, { partitions, pairs, forms, parse }) {
  say(
    `## ${partitions} partition${partitions > 1 ? 's, as many processes' : ''}, ${pairs} (model, version) pair${pairs > 1 ? 's' : ''}`,
    '',
  );
  say(
    '| form | bytes an event | bare consume, µs CPU | end to end, µs CPU | events a CPU-second | of the bare parse | events a second (wall) |',
  );
  say('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  const costs = new Map();
  for (const form of forms) {
    const measured = await measureForm(services, { form, partitions, pairs });
    costs.set(form, measured.cpu);
    const ratio = `${((100 * parse) / measured.cpu).toFixed(0)} %`;
    const cells = [
      form,
      measured.bytes,
      measured.bare.toFixed(2),
      measured.cpu.toFixed(2),
      rate(measured.cpu),
      ratio,
      whole(measured.wall),
    ];
    say(`| ${cells.join(' | ')} |`);
  }
  say('');
  for (const form of forms.slice(1)) {
    say(`- ${form}: ${(costs.get('json') / costs.get(form)).toFixed(2)} times the JSON rate by CPU time`);
  }
  say('');
}

async function measureForm(services, { form, partitions, pairs }) {
  const { events, runs, core } = options;
  const named = pairsOf(pairs);
  const topic = `bench.${(topics += 1)}`;
  const start = Date.now() - Math.ceil(events / 100);
  await createTopic(services, topic, partitions);
  const records = await produce(services, { topic, form, pairs: named, from: 0, to: events, start, partitions });
  const perRecord = events / records;
  const cpu = [];
  const wall = [];
  const bare = [];
  for (let run = 0; run < runs; run += 1) {
    const consumed = await outputOf(core, [
      file('bare.mjs'),
      'consume',
      services.broker.brokers,
      topic,
      String(records),
    ]);
    bare.push(consumed.cpuUs / (consumed.items * perRecord));
    const database = await freshDatabase(services, named.models);
    const children = Array.from({ length: partitions }, (_, i) =>
      startIngest(core + i, {
        url: database.url,
        brokers: services.broker.brokers,
        topic,
        profile: process.env.BENCH_PROFILE,
      }),
    );
    try {
      const { items, cpuUs, wallMs } = await measureIngest(children, database.db, { topic, records, events });
      cpu.push(cpuUs / items);
      wall.push((items / wallMs) * 1000);
    } finally {
      await endAll(children);
      await database.drop();
    }
  }
  const sample = recordOf(
    form,
    Array.from({ length: Math.round(perRecord) }, (_, n) => eventOf(n, named, start)),
  );
  return {
    cpu: median(cpu),
    wall: median(wall),
    bare: median(bare),
    bytes: Math.round(sample.length / Math.round(perRecord)),
  };
}

async function flatness(services) {
  const { minutes, sent, first, last, most, slope } = await measureFlatness(services, options);
  say(`## Memory over ${minutes} minutes at ${whole(options.rate)} events a second`, '');
  say(
    `${whole(sent)} events; resident memory ${first.toFixed(0)} MB after the first fifth, ${last.toFixed(0)} MB at the end, ` +
      `${most.toFixed(0)} MB at most; slope ${slope.toFixed(2)} MB a minute.`,
    '',
  );
}

function say(...texts) {
  for (const text of texts) {
    lines.push(text);
    console.log(text);
  }
}

function rate(microseconds) {
  return whole(1e6 / microseconds);
}

function whole(number) {
  return Math.round(number).toLocaleString('en-US');
}

function file(name) {
  return resolve(import.meta.dirname, name);
}
