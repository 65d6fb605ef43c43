import { spawnSync } from 'node:child_process';

const WRAPPER = ['--pdeathsig', 'KILL'];
let works = null;

/** Command and leading arguments that run `program` so that Linux ends it when its starter is gone, however that ended. */
export function diesWithParent(program) {
  works ??= process.platform === 'linux' && spawnSync('setpriv', [...WRAPPER, 'true']).status === 0;
  return works ? ['setpriv', [...WRAPPER, program]] : [program, []];
}
