import { COMMANDS } from './then.mjs';

const list = Object.entries(COMMANDS).map(([name, { what }]) => `    ${name.padEnd(11)}${what}`);

export const USAGE = `usage: node scripts/setup.mjs [--quiet-when-ready] [--then COMMAND -- ARGUMENTS]

Sets Ratchet up inside this clone: Node 24 (.runtime/), npm packages (node_modules/), a Python environment (.venv/) and the
compiled program (dist/). Needs Node 18 or newer and Python 3.10 or newer; no root. Done steps are remembered in
.runtime/stamps; an interrupted run goes on where it was. To start over: rm -rf .runtime node_modules .venv dist

  --quiet-when-ready   say nothing when there is nothing to do
  --then COMMAND       afterwards run one of
${list.join('\n')}
  --help               this text

Everything after "--" goes to the command: npm test -- src/rollouts, npm run demo -- --scenario damage`;

export function parseArguments(argv) {
  const result = { help: false, fault: null, quietWhenReady: false, command: null, rest: [] };
  for (let i = 0; i < argv.length; i += 1) {
    if (argv[i] === '--') {
      result.rest = argv.slice(i + 1);
      break;
    }
    if (argv[i] === '--help' || argv[i] === '-h') result.help = true;
    else if (argv[i] === '--quiet-when-ready') result.quietWhenReady = true;
    else if (argv[i] === '--then') {
      i += 1;
      result.command = Object.hasOwn(COMMANDS, argv[i]) ? COMMANDS[argv[i]] : null;
      if (!result.command) result.fault = `there is no command "${argv[i] ?? ''}"`;
    } else result.fault = `unknown argument "${argv[i]}"`;
  }
  return result;
}
