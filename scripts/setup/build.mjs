import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeBinary, nodeEnvironment, nodeRuntime } from './node-runtime.mjs';
import { DIST, ROOT } from './places.mjs';
import { run } from './program.mjs';
import { hashOf } from './stamp.mjs';

const compiler = fileURLToPath(new URL('./compile.mjs', import.meta.url));

/** What is compiled and where to: `src/main.ts` becomes `dist/main.js`, `demo/main.ts` becomes `dist/demo/main.js`. */
export const COMPILED = [
  { from: join(ROOT, 'src'), to: DIST },
  { from: join(ROOT, 'demo'), to: join(DIST, 'demo') },
];

/** Specs run from their sources. */
export function isCompiled(file) {
  return !/\.spec\.ts$|\.d\.ts$|\.md$/.test(file);
}

export const build = {
  name: 'build',
  title: 'compile src/ and demo/ into dist/',
  key: () =>
    hashOf({
      texts: [nodeRuntime.key()],
      paths: [join(ROOT, '.swcrc'), join(ROOT, 'package-lock.json'), compiler, ...COMPILED.map(({ from }) => from)],
      accept: isCompiled,
    }),
  isWhole: () => existsSync(DIST) && statSync(DIST).isDirectory(),
  async make() {
    await run(nodeBinary, [compiler], {
      env: nodeEnvironment(),
      doing: 'swc compiles',
      fail: 'the sources could not be compiled',
    });
  },
};
