/**
 * Copies the generated dashboards and rules into the chart, because a chart can only carry what lies within it. A test
 * compares the copies.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../setup/places.mjs';
import { CHART } from './helm.mjs';

/** What the chart carries, by its folder in the chart: the folder it comes from and the names of its files. */
export const CARRIED = {
  dashboards: { from: join(ROOT, 'dashboards', 'generated'), files: /\.json$/ },
  rules: { from: join(ROOT, 'dashboards', 'rules'), files: /(?<!\.test)\.ya?ml$/ },
};

/** Content of each file, by name; {} where there is none. */
export function carriedFiles(folder, names) {
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder).filter((file) => names.test(file));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

if (import.meta.filename === process.argv[1]) {
  for (const [what, { from, files }] of Object.entries(CARRIED)) {
    const to = join(CHART, 'files', what);
    rmSync(to, { recursive: true, force: true });
    const contents = carriedFiles(from, files);
    if (Object.keys(contents).length > 0) mkdirSync(to, { recursive: true });
    for (const [file, content] of Object.entries(contents)) writeFileSync(join(to, file), content);
    console.log(`${what}: ${Object.keys(contents).length} files`);
  }
}
