/**
 * Lets Node load the simulation, which is TypeScript because the tests use it too: `src/` is taken from `dist/`, where
 * set-up has compiled it, everything else is compiled as it is loaded.
 */
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const ROOT = new URL('../../', import.meta.url).href;
const OURS = [`${ROOT}bench/`, `${ROOT}test/`];
const options = { ...JSON.parse(readFileSync(new URL('.swcrc', ROOT), 'utf8')), swcrc: false };

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith('.') || !OURS.some((folder) => context.parentURL?.startsWith(folder)))
      return next(specifier, context);
    const wanted = new URL(specifier, context.parentURL).href;
    if (wanted.startsWith(`${ROOT}src/`)) return next(wanted.replace(`${ROOT}src/`, `${ROOT}dist/`), context);
    const source = wanted.replace(/\.js$/, '.ts');
    return next(existsSync(fileURLToPath(source)) ? source : wanted, context);
  },
  load(url, context, next) {
    if (!url.startsWith(ROOT) || !url.endsWith('.ts')) return next(url, context);
    const file = fileURLToPath(url);
    const { code } = transformSync(readFileSync(file, 'utf8'), { ...options, sourceMaps: 'inline', filename: file });
    return { format: 'module', shortCircuit: true, source: code };
  },
});
