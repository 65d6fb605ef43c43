import { transform } from '@swc/core';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { COMPILED, isCompiled } from './build.mjs';
import { DIST, ROOT } from './places.mjs';
import { filesUnder } from './stamp.mjs';

// Files are replaced one by one and only when they differ: a control plane that runs from dist/ meanwhile keeps finding
// whole modules, which a "delete and write anew" would take away under it.
const options = JSON.parse(readFileSync(join(ROOT, '.swcrc'), 'utf8'));
const wanted = new Set();
const faults = [];

for (const { from, to } of COMPILED) {
  for (const file of filesUnder(from, isCompiled)) {
    const target = join(to, relative(from, file));
    await (file.endsWith('.ts') ? compileFile(file, target) : put(target, readFileSync(file)));
  }
}
if (faults.length > 0) {
  for (const fault of faults) console.error(fault);
  process.exit(1);
}
for (const file of filesUnder(DIST)) if (!wanted.has(file)) rmSync(file, { force: true });

async function compileFile(file, target) {
  const output = target.replace(/\.ts$/, '.js');
  try {
    const source = readFileSync(file, 'utf8');
    const { code, map } = await transform(source, {
      ...options,
      swcrc: false,
      filename: file,
      sourceFileName: relative(dirname(output), file),
    });
    put(output, `${code}\n//# sourceMappingURL=${output.split('/').pop()}.map\n`);
    if (map) put(`${output}.map`, map);
  } catch (error) {
    faults.push(`${relative(ROOT, file)}: ${error.message}`);
  }
}

function put(target, content) {
  wanted.add(target);
  const bytes = Buffer.from(content);
  if (existsSync(target) && readFileSync(target).equals(bytes)) return;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.${process.pid}`, bytes);
  renameSync(`${target}.${process.pid}`, target);
}
