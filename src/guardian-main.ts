import { runGuardian } from './guardian/run.js';

process.exitCode = await runGuardian(process.argv.slice(2));
