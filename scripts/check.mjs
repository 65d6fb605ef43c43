/** Runs every check that needs no application: stops at nothing, prints a table, fails at the end. */
import { cpus } from 'node:os';
import { CHECKS } from './check/checks.mjs';
import { capture } from './check/capture.mjs';
import { seconds } from './setup/report.mjs';

const fix = process.argv.includes('--fix');
const args = process.argv.slice(2).filter((argument) => argument !== '--fix');
if (args.includes('--help')) {
  console.log(
    `usage: npm run check [-- [--fix] NAME...]\n\n--fix lets the formatters and linters repair what they can\nchecks: ${CHECKS.map(({ name }) => name).join(', ')}`,
  );
} else {
  process.exitCode = await main();
}

async function main() {
  const unknown = args.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(`there is no check ${unknown.join(', ')}; there are: ${CHECKS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const chosen = CHECKS.filter(({ name }) => args.length === 0 || args.includes(name));
  const results = [];
  const waiting = [...chosen];
  const work = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) results.push(await perform(check));
  };
  await Promise.all(Array.from({ length: Math.min(2, cpus().length) }, work));
  return printTable(chosen.map(({ name }) => results.find((result) => result.name === name)));
}

async function perform({ name, what, command, when, needed }) {
  if (when && !when()) {
    console.log(`--- ${name}: ${needed}`);
    return { name, what, outcome: 'not here', ms: 0 };
  }
  const began = Date.now();
  const { code, output } = await capture(...command(fix));
  const ms = Date.now() - began;
  const outcome = code === 0 ? 'ok' : 'FAILED';
  console.log(`--- ${name}: ${outcome} (${seconds(ms)})`);
  if (code !== 0) console.log(output.replace(/^/gm, '    '));
  return { name, what, outcome, ms };
}

function printTable(results) {
  console.log('');
  for (const { name, what, outcome, ms } of results) {
    console.log(
      `${outcome.padEnd(9)} ${name.padEnd(12)} ${(outcome === 'not here' ? '' : seconds(ms)).padStart(9)}   ${what}`,
    );
  }
  const failed = results.filter(({ outcome }) => outcome === 'FAILED').length;
  console.log(failed === 0 ? '\nevery check is fine' : `\n${failed} of ${results.length} checks failed`);
  return failed === 0 ? 0 : 1;
}
