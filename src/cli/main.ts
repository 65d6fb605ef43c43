import { processEnvironment } from '../platform/config/environment.js';
import { runCli } from './program.js';

process.exitCode = await runCli(process.argv.slice(2), {
  env: processEnvironment(),
  out: (text) => {
    process.stdout.write(`${text}\n`);
  },
  err: (text) => {
    process.stderr.write(`${text}\n`);
  },
});
