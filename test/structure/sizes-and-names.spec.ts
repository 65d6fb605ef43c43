import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from './planted-tree.js';

const LONGEST = 400;
const MEDIAN = 120;

const sources = ['src', 'test', 'demo', 'scripts']
  .flatMap((folder) => filesUnder(folder))
  .filter((file) => /\.(ts|mjs)$/.test(file));
const python = filesUnder('gpu-runners').filter((file) => file.endsWith('.py'));
const lines = new Map([...sources, ...python].map((file) => [file, lineCount(file)]));

describe('file sizes', () => {
  it(`no file is longer than ${LONGEST} lines`, () => {
    expect([...lines].filter(([, count]) => count > LONGEST)).toEqual([]);
  });

  it(`the median file is shorter than ${MEDIAN} lines`, () => {
    const sorted = [...lines.values()].sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(MEDIAN);
  });
});

describe('file names', () => {
  it('are kebab-case', () => {
    expect(sources.filter((file) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.(ts|mjs)$/.test(basename(file)))).toEqual([]);
  });

  it('none is called utils, helpers or common', () => {
    expect([...lines.keys()].filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.|\/)/.test(file))).toEqual([]);
  });
});

describe('what is written in the sources', () => {
  const typescript = sources.filter((file) => file.startsWith('src/'));

  it.each([
    ['no class is a Service, Manager or Helper', /\bclass \w+(Service|Manager|Helper)\b/],
    ['no export is the default one', /^export default /m],
    ['no catch is empty', /catch\s*(\([^)]*\)\s*)?\{\s*\}/],
    ['nothing is left to do', /\b(TODO|FIXME|XXX)\b/],
  ])('%s', (_rule, pattern) => {
    expect(typescript.filter((file) => pattern.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
  });

  it('decorators appear only at the rim', () => {
    const rim = /\.(module|reconciler)\.ts$|\/(adapters|testing)\/|^src\/(platform|app)\//;
    const decorated = /^\s*@(Module|Injectable|Controller|Inject|Entity|Column|Get|Post|Put|Delete)\(/m;
    expect(
      typescript.filter((file) => !rim.test(file) && decorated.test(readFileSync(join(ROOT, file), 'utf8'))),
    ).toEqual([]);
  });
});

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
      .filter((file) => !/(^|\/)(node_modules|__pycache__|build|\.[^/]+)\//.test(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function lineCount(file: string): number {
  return readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1;
}
