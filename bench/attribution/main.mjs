/**
 * npm run bench:attribution: plays 200 episodes of every cause on two models through windows, monitors, attribution and
 * policy, prints the confusion matrices and writes docs/attribution.md.
 *
 *   --episodes N   that many of each cause; nothing is written
 *   --pools        scores the rows again first (trains the references: some minutes)
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { format, resolveConfig } from 'prettier';
import './typescript.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = join(ROOT, 'docs/attribution.md');
const MODELS = ['digits', 'breast-cancer'];
const EPISODES = 200;

const { values } = parseArgs({ options: { episodes: { type: 'string' }, pools: { type: 'boolean', default: false } } });
const episodes = values.episodes === undefined ? EPISODES : Number(values.episodes);
if (!Number.isInteger(episodes) || episodes < 1) throw new RangeError('--episodes takes a whole number above 0');
if (values.pools) {
  const script = join(ROOT, 'bench/attribution/pools.py');
  execFileSync(join(ROOT, '.venv/bin/python'), [script], { stdio: 'inherit' });
}

const began = performance.now();
const { attributionPage, matrix } = await import('../../test/attribution/report.ts');
const played = await Promise.all(MODELS.map(play));
for (const { pool, late } of played) console.log(`\n${pool.model}\n${matrix(late).join('\n')}`);
const seconds = ((performance.now() - began) / 1000).toFixed(0);
const count = played.reduce((sum, { late, unlabelled }) => sum + late.length + unlabelled.length, 0);
console.log(`\n${count} episodes in ${seconds} s`);
if (episodes === EPISODES) {
  const options = { ...(await resolveConfig(PAGE)), parser: 'markdown' };
  writeFileSync(PAGE, await format(attributionPage(played), options));
  console.log('docs/attribution.md is written');
}

/** One model's episodes, in a thread of their own. */
function play(model) {
  return new Promise((resolve, reject) => {
    const workerData = { model, episodes, unlabelled: Math.ceil(episodes / 8) };
    const worker = new Worker(new URL('./player.mjs', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
