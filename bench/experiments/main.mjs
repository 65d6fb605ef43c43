/**
 * npm run bench:experiments: how often our tests err and how many requests they need, beside what others use, on the same
 * simulated streams with fixed seeds.
 *
 *   --quick   a tenth of the streams: seconds, figures are rough, nothing is written
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pairsToDecide } from '../../dist/experiments/domain/power.js';
import { others } from './others.mjs';
import { ALPHA, asymptotic, betting, MARGIN, peekingZ } from './rivals.mjs';
import { arms, pairs, quantile } from './streams.mjs';

const quick = process.argv.includes('--quick');
if (process.argv.includes('--help')) {
  console.log('npm run bench:experiments [-- --quick]');
  process.exit(0);
}
const STREAMS = quick ? 200 : 2_000;
const FEWER = quick ? 40 : 400;
const ACCURACY = 0.92;
/** Disagreement, horizon, and the medians that the issue sets as goals for equal and for 2 points worse. */
const CELLS = [
  { disagreement: 0.02, horizon: 8_000, equal: 1_440, worse: 1_040 },
  { disagreement: 0.03, horizon: 12_000, equal: 2_080, worse: 1_620 },
  { disagreement: 0.05, horizon: 20_000, equal: 3_320, worse: 3_160 },
];
const began = Date.now();
const lines = [];
const say = (line = '') => {
  lines.push(line);
  console.log(line);
};
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const whole = (value) => (value === null || value === undefined ? '–' : Math.round(value).toLocaleString('en-US'));

/** What a test does on `count` streams: shares of its verdicts and median of all streams, undecided ones at the horizon. */
function measure(test, fill, count, horizon) {
  const target = new Int8Array(horizon);
  const outcomes = Array.from({ length: count }, (_, seed) => test(fill(target, seed + 1)));
  const share = (proven) => outcomes.filter((outcome) => outcome.proven === proven).length / count;
  const median = quantile(
    outcomes.map((outcome) => outcome.after),
    0.5,
  );
  return { pass: share('pass'), fail: share('fail'), median };
}

const tests = ({ disagreement }) => [
  ['betting, nothing measured before', betting()],
  ['betting, disagreement measured before', betting(disagreement)],
  ['z, peeking', peekingZ],
  ['asymptotic confidence sequence', asymptotic],
];

say('# bench:experiments');
say();
say(
  `Margin ${100 * MARGIN} point, α = ${percent(ALPHA)}, ${whole(STREAMS)} streams a cell (seeds 1 …), looked at after every pair (z and the confidence sequence: after every 20th). A share of 5 % is measured within ± ${percent(2 * Math.sqrt((ALPHA * (1 - ALPHA)) / STREAMS))}. Made by \`npm run bench:experiments\`; the figures follow from the seeds, not from the machine.`,
);
say();
say('## Wrong promotions: a candidate exactly at the margin');
say();
say('| disagreement | pairs | test | promoted | harm “proven” |');
say('| --- | --- | --- | --- | --- |');
const wrong = [];
for (const cell of CELLS) {
  for (const [name, test] of tests(cell)) {
    const fill = (target, seed) => pairs(target, seed, cell.disagreement, -MARGIN);
    const measured = measure(test, fill, STREAMS, cell.horizon);
    if (name.startsWith('betting')) wrong.push(measured.pass, measured.fail);
    say(
      `| ${percent(cell.disagreement)} | ${whole(cell.horizon)} | ${name} | ${percent(measured.pass)} | ${percent(measured.fail)} |`,
    );
  }
}

const goals = [];
function speed(title, effect, verdict, goal) {
  say();
  say(`## ${title}`);
  say();
  say('| disagreement | test | decided right | median pairs | goal | planned (80 %) |');
  say('| --- | --- | --- | --- | --- | --- |');
  for (const cell of CELLS) {
    for (const [name, test] of tests(cell)) {
      const fill = (target, seed) => pairs(target, seed, cell.disagreement, effect);
      const measured = measure(test, fill, STREAMS, cell.horizon);
      const ours = name.startsWith('betting');
      if (ours) goals.push(measured.median <= cell[goal]);
      const planned = ours
        ? whole(pairsToDecide({ margin: MARGIN, alpha: ALPHA, disagreement: cell.disagreement }, effect))
        : '–';
      say(
        `| ${percent(cell.disagreement)} | ${name} | ${percent(measured[verdict])} | ${whole(measured.median)} | ${ours ? whole(cell[goal]) : '–'} | ${planned} |`,
      );
    }
  }
}
speed('Pairs to promote an equal candidate', 0, 'pass', 'equal');
speed('Pairs to refuse one that is 2 points worse', -0.02, 'fail', 'worse');

say();
say('## Two arms that answer requests of their own, both 92 % right');
say();
say('| test | requests of each arm | promoted |');
say('| --- | --- | --- |');
const FIXED = 9_100;
const fill = (target, seed) => arms(target, seed, ACCURACY, 0);
const fixed = Array.from({ length: FEWER }, (_, seed) => fill(new Int8Array(FIXED), seed + 1));
const power = fixed.filter((differences) => {
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / FIXED;
  const squares = differences.reduce((sum, difference) => sum + difference * difference, 0) / FIXED;
  return (mean + MARGIN) / Math.sqrt((squares - mean * mean) / FIXED) > 1.6449;
}).length;
say(`| z once, at a number fixed before | ${whole(FIXED)} | ${percent(power / FEWER)} |`);
for (const [name, test] of [
  ['asymptotic confidence sequence (median)', asymptotic],
  ['betting (median)', betting(2 * ACCURACY * (1 - ACCURACY))],
]) {
  const measured = measure(test, fill, FEWER, 60_000);
  say(`| ${name} | ${whole(measured.median)} | ${percent(measured.pass)} |`);
}

say();
say('## The other tests');
say();
say(`${whole(FEWER)} streams a row; error ratio: added 1 point; latencies are log-normal, in sketches.`);
say();
say('| claim | when it is really | proven in | median samples | at most |');
say('| --- | --- | --- | --- | --- |');
const rest = others(FEWER);
for (const { test, situation, share, median, bound } of rest)
  say(`| ${test} | ${situation} | ${percent(share)} | ${whole(median)} | ${bound === null ? '–' : percent(bound)} |`);

const faults = [
  ...(wrong.some((share) => share > ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / STREAMS))
    ? ['a wrong promotion or refusal happens more often than α']
    : []),
  ...(goals.includes(false) ? ['a median is above its goal'] : []),
  ...rest
    .filter(({ share, bound }) => bound !== null && share > bound + 2 * Math.sqrt(bound / FEWER))
    .map(({ test }) => `${test} errs too often`),
];
say();
say(faults.length === 0 ? 'Every goal is met.' : `Missed: ${faults.join('; ')}.`);
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
if (!quick) writeFileSync(fileURLToPath(new URL('RESULTS.md', import.meta.url)), `${lines.join('\n')}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
