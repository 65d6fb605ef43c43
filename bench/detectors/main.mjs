/**
 * npm run bench:detectors: our detectors beside River's and beside a dummy that always fires, on the same streams.
 *
 *   --quick     12 streams a cell instead of 300 and little else: under a minute, figures are rough, nothing is written
 *   --reuse     keeps the streams, River's answers and the parts of the last run that are there; goes on with the rest
 *   --only PART makes one part (streams, river:NAME, bernoulli, evaluated, real, annotated, drift:500, drift:5000, …)
 *   --golden    writes what River's ADWIN and Page–Hinkley say about the fixed streams of the tests
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toleratedRate } from '../../dist/monitors/domain/rate-monitor.js';
import { alarmsOnSeries } from './annotated.mjs';
import { pythonEnvironment, runPython } from './environment.mjs';
import { evaluatedRates } from './evaluated-rate.mjs';
import { inputDrift } from './input-drift.mjs';
import { alarmsOf, always, COPIES, microseconds, OURS } from './ours.mjs';
import { report } from './report.mjs';
import { addF1, judge, ratio } from './scoring.mjs';
import { CELLS, LENGTH, readStreams, STABLE_RATE, writeErrorStreams } from './streams.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HERE = fileURLToPath(new URL('./', import.meta.url));
/** P(false alarm within n observations) ≤ n/A. */
const A = 200_000;
/** On series of some hundred values a change counts as found within a tenth of the series. */
const SERIES_SHARE = 0.1;

const quick = process.argv.includes('--quick');
const began = Date.now();
const python = await pythonEnvironment(ROOT);
const riverSide = join(HERE, 'river_side.py');
if (process.argv.includes('--golden')) {
  const target = join(ROOT, 'src/monitors/domain/detectors/fixtures/river.json');
  await runPython(python, [riverSide, 'golden', target]);
  process.exit(0);
}

const folder = join(ROOT, '.ratchet', quick ? 'bench-streams-quick' : 'bench-streams');
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : null;
const reuse = only !== null || process.argv.includes('--reuse');
if (!reuse) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const count = quick ? 12 : 300;
const known = () => ({ nullRate: STABLE_RATE, threshold: A });
const evaluated = ({ bad, samples }) => ({
  nullRate: toleratedRate(bad, samples, 0.01, 'evaluation').rate,
  threshold: A,
});
const cells = once(() => CELLS.map((rate) => readStreams(folder, `cell-${rate}`)));
const real = once(() => byGroup(readStreams(folder, 'real')));

const sets = [...CELLS.map((rate) => `cell-${rate}`), 'real', 'annotated'];
await part('streams', async () => {
  console.log(`${count} streams of ${LENGTH.toLocaleString('en-US')} for each of ${CELLS.length} cells, and real ones`);
  writeErrorStreams(folder, count);
  await runPython(python, [riverSide, 'real', folder, quick ? '1' : '6']);
  return {};
});
for (const set of sets)
  await part(`river:${set}`, async () => {
    await runPython(python, [riverSide, 'run', folder, set]);
    return {};
  });
const results = {
  count,
  A,
  bernoulli: await part('bernoulli', () => rows(cells(), known)),
  disagreements: await part('disagreements', () => disagreements(cells().slice(0, 4))),
  microseconds: await part('microseconds', () => costs(cells()[3])),
  evaluated: await part('evaluated', () => evaluatedRates(cells(), A)),
  real: await part('real', () => rows(real(), evaluated)),
  annotated: await part('annotated', () => annotated(readStreams(folder, 'annotated'))),
  drift: [],
};
for (const baseline of quick ? [500] : [500, 5_000])
  results.drift.push(await part(`drift:${baseline}`, () => inputDrift(quick ? 5 : 300, baseline)));
if (only === null) {
  const text = report(results);
  console.log(`\n${text}`);
  if (!quick) writeFileSync(join(HERE, 'RESULTS.md'), text);
  console.log(
    `${Math.round((Date.now() - began) / 1000)} seconds${quick ? '' : '; written to bench/detectors/RESULTS.md'}`,
  );
}

/** One part of the benchmark; its result is kept beside the streams, for `--reuse`. */
async function part(name, make) {
  if (only !== null && only !== name) return null;
  const file = join(folder, `${name.replace(':', '-')}.part.json`);
  if (reuse && only === null && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const result = await make();
  writeFileSync(file, JSON.stringify(result));
  return result;
}

function once(make) {
  let made = null;
  return () => (made ??= make());
}

/** A row for each detector: what it did in every cell. */
function rows(sets, knowledge) {
  const ours = Object.entries(OURS).map(([name, make]) => ({
    name,
    cells: sets.map((set) => {
      const values = (stream) => set.data.subarray(stream.offset, stream.offset + stream.length);
      return judge(set.streams, (stream) => alarmsOf(make(knowledge(stream)), values(stream)), { stands: true });
    }),
  }));
  const river = Object.keys(sets[0].river).map((name) => ({
    name: `River: ${name}`,
    cells: sets.map((set) => {
      const { alarms } = set.river[name];
      return judge(
        set.streams.filter(({ id }) => alarms[id] !== undefined),
        ({ id }) => alarms[id],
      );
    }),
  }));
  const dummy = sets.map((set) => judge(set.streams, (stream) => always(stream.length)));
  return {
    groups: sets.map((set) => set.streams[0].group),
    rows: [...ours, ...river, { name: 'always fires', cells: dummy }],
  };
}

/** Our own ADWIN and Page–Hinkley against River's, alarm by alarm. */
function disagreements(sets) {
  return Object.entries(COPIES).map(([name, make]) => {
    let streams = 0;
    let differ = 0;
    for (const set of sets)
      for (const stream of set.streams.slice(0, 50)) {
        const alarms = alarmsOf(make(), set.data.subarray(stream.offset, stream.offset + stream.length));
        streams += 1;
        if (JSON.stringify(alarms) !== JSON.stringify(set.river[name].alarms[stream.id])) differ += 1;
      }
    return { name, streams, differ };
  });
}

function costs(set) {
  const values = set.data.subarray(0, Math.min(set.data.length, 50 * LENGTH));
  const about = known();
  const all = [...Object.entries(OURS), ...Object.entries(COPIES).map(([name, make]) => [`Ratchet: ${name}`, make])];
  const ours = all.map(([name, make]) => {
    microseconds(make(about), values); // warm
    return [name, microseconds(make(about), values)];
  });
  const river = Object.entries(set.river).map(([name, { microseconds: cost }]) => [`River: ${name}`, cost]);
  return [...ours, ...river];
}

function byGroup(real) {
  const names = [...new Set(real.streams.map(({ group, share }) => `${group} ${share}`))];
  return names.map((name) => {
    const streams = real.streams.filter(({ group, share }) => `${group} ${share}` === name);
    const mean = (key) => streams.reduce((sum, stream) => sum + stream[key], 0) / streams.length;
    const label =
      streams[0].share === 0
        ? `${streams[0].group}, stable at ${percent(mean('before'))}`
        : `${streams[0].group}, ${percent(mean('before'))} → ${percent(mean('after'))}`;
    return { ...real, streams: streams.map((stream) => ({ ...stream, group: label })) };
  });
}

function annotated(set) {
  const score = (alarms) => {
    const f1 = { hits: 0, false: 0, missed: 0 };
    for (const stream of set.streams)
      addF1(f1, alarms(stream), stream.changes, Math.ceil(stream.length * SERIES_SHARE));
    return { ...f1, f1: ratio(f1) };
  };
  const values = ({ offset, length }) => set.data.subarray(offset, offset + length);
  return [
    ['Ratchet: bounded-mean e-detector', score((stream) => alarmsOnSeries(values(stream), stream.learn))],
    ...Object.keys(set.river).map((name) => [`River: ${name}`, score((stream) => set.river[name].alarms[stream.id])]),
    ['always fires', score(({ length }) => always(length))],
  ];
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
