#!/usr/bin/env node
/**
 * The proof that each record of the log is counted exactly once: real ingest processes, a real broker and a real PostgreSQL
 * under load, of which processes and broker are killed at random moments; afterwards a program of its own compares what is
 * on the log with what was counted. Needs dist/ (npm run setup).
 *
 *   node test/exactly-once/main.mjs [--kills 30] [--seed 1] [--processes 2] [--rate 1000] [--minimum-rate 300] [--seconds N] [--json FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killLoop } from './kill-loop.mjs';
import { Scene } from './scene.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: 'Infinity' },
    'minimum-rate': { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});
const options = {
  kills: Number(values.kills),
  seed: Number(values.seed),
  processes: Number(values.processes),
  rate: Number(values.rate),
  /** After so long no further kill is made; the result says how many there were. */
  seconds: Number(values.seconds),
  minimumRate: Number(values['minimum-rate']),
};
const say = (line) => process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
const began = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'ratchet-exactly-once-'));
const scene = new Scene(folder, options, say);
let ending = null;

function end() {
  ending ??= scene.end().finally(() => rmSync(folder, { recursive: true, force: true }));
  return ending;
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => void end().then(() => process.exit(130)));

try {
  await scene.begin();
  const kills = await killLoop(scene, options, say);
  const loaded = await scene.stopLoad();
  say(`the load has ended: ${loaded.records} records on the log`);
  await scene.untilAllCounted();
  const metrics = await scene.metrics();
  await scene.stopIngest();
  const verdict = await scene.verify();
  // A verifier that always says 0 would prove nothing.
  await scene.spoil();
  const control = await scene.verify();
  const result = { ...options, seconds: Math.round((Date.now() - began) / 1000), kills, metrics, verdict, control };
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, null, 2));
  say(
    `kills: ${Object.entries(kills.byKind)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ')}; slowest rate before a kill ${kills.slowest}/s`,
  );
  say(`miscounted: ${JSON.stringify(verdict.miscounted)} of ${JSON.stringify(verdict.truth)}`);
  say(`after three miscounts made on purpose the verifier finds ${control.total - verdict.total}`);
  if (verdict.total !== 0 || control.total - verdict.total !== 3) process.exitCode = 1;
} catch (error) {
  if (ending === null) {
    say(`FAILED: ${error.stack}`);
    for (const line of scene.lastWords()) say(`  | ${line}`);
    process.exitCode = 2;
  }
} finally {
  await end();
}
process.exit();
