#!/usr/bin/env node
/** `npm run bench:control`: what one control plane costs. `--help` tells how. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { freshDatabase, startPostgres } from './installation.mjs';
import { measureJobs, RUN_MS } from './jobs.mjs';
import { readOptions, USAGE } from './options.mjs';
import { watch } from './watch.mjs';

const lines = [];
const options = readOptions(process.argv.slice(2));
if (options.help) console.log(USAGE);
else await main();

async function main() {
  const { models, rollouts, seconds, jobs, quota } = options;
  say(`# One control plane: ${models} models, ${rollouts} open rollouts, ${jobs} jobs`, '');
  say(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, PostgreSQL with its default durability.`,
    '',
  );
  const postgres = await startPostgres();
  try {
    const one = await watch(postgres, 'one', { models: 1, rollouts: 1, seconds });
    const many = await watch(postgres, 'many', { models, rollouts, seconds });
    tellWatched(one, many);
    const database = await freshDatabase(postgres, 'jobs');
    tellJobs(await measureJobs(database.url, { jobs, quota }));
    await database.client.end();
  } finally {
    await postgres.stop();
  }
  if (options.write) writeFileSync(resolve(import.meta.dirname, 'RESULTS.md'), `${lines.join('\n')}\n`);
}

function tellWatched(one, many) {
  const row = (what, read, digits = 1, unit = '') => {
    const [a, b] = [read(one), read(many)];
    say(`| ${what} | ${a.toFixed(digits)}${unit} | ${b.toFixed(digits)}${unit} | ${(b / a).toFixed(1)} |`);
  };
  say(
    `| watched for ${many.seconds.toFixed(0)} s | 1 model, 1 rollout | ${many.models} models, ${many.rollouts} rollouts | ratio |`,
  );
  say('| --- | ---: | ---: | ---: |');
  row('start until it serves', (w) => w.startSeconds, 1, ' s');
  row('every model looked at once', (w) => w.everyModelSeconds, 1, ' s');
  row('every open rollout looked at once', (w) => w.everyRolloutSeconds, 2, ' s');
  row('a pass over one model', (w) => w.modelPassMs, 1, ' ms');
  row('passes a second', (w) => w.passesPerSecond, 0);
  row('waiting for a turn, p50', (w) => w.waitP50, 3, ' s');
  row('waiting for a turn, p99', (w) => w.waitP99, 3, ' s');
  row('statements a second', (w) => w.statementsPerSecond, 0);
  row('statements a pass', (w) => w.statementsPerPass, 1);
  row('rows a second', (w) => w.rowsPerSecond, 0);
  row('sessions busy in PostgreSQL', (w) => w.databaseBusy, 2);
  row('cores of the control plane', (w) => w.cpu, 2);
  row('resident memory', (w) => w.rssBytes / 2 ** 20, 0, ' MiB');
  say('', '| kind | passes | mean | waits, p50 | waits, p99 |', '| --- | ---: | ---: | ---: | ---: |');
  for (const { kind, passes, meanMs, waitP50, waitP99 } of many.perKind)
    say(`| ${kind} | ${passes} | ${meanMs.toFixed(1)} ms | ${waitP50.toFixed(2)} s | ${waitP99.toFixed(2)} s |`);
  say('', 'What the database works at, of the many:', '');
  for (const { query, calls, ms } of many.slowest)
    say(`- ${(ms / many.seconds).toFixed(1)} ms a second in ${(calls / many.seconds).toFixed(1)} calls: \`${query}\``);
  say('');
  if (many.open !== many.rollouts)
    throw new Error(`${many.rollouts - many.open} rollouts ended while they were watched.`);
}

function tellJobs({ seconds, mostAtOnce, launches, statements }) {
  const { jobs, quota } = options;
  const ideal = (Math.ceil(jobs / quota) * RUN_MS) / 1000;
  say(
    `${jobs} jobs of ${RUN_MS} ms through a quota of ${quota}: ${seconds.toFixed(1)} s (the runners alone need ${ideal.toFixed(1)} s, ratio ${(seconds / ideal).toFixed(2)}),`,
  );
  say(
    `${(jobs / seconds).toFixed(1)} jobs a second, ${(statements / jobs).toFixed(0)} statements a job; at most ${mostAtOnce} ran at once, ${launches} launches.`,
  );
  if (mostAtOnce > quota || launches !== jobs) throw new Error('The quota or "one job, one launch" was broken.');
}

function say(...more) {
  lines.push(...more);
  console.log(more.join('\n'));
}
