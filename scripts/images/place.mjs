import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

/** Puts a file or a folder somewhere: by hard link where that is possible, so that gigabytes cost nothing. */
export function place(from, to, accept = () => true) {
  if (!accept(from)) return;
  const stats = lstatSync(from);
  if (stats.isDirectory()) {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) place(join(from, name), join(to, name), accept);
  } else if (stats.isSymbolicLink()) {
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(readlinkSync(from), to);
  } else if (stats.isFile()) {
    mkdirSync(dirname(to), { recursive: true });
    link(from, to);
  }
}

/** A copy that nobody's change to the original reaches. */
export function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

/** A program and the system's libraries that it needs, each where the loader looks for it. */
export function placeWithLibraries(root, program, to, more = []) {
  place(realpathSync(program), join(root, to));
  for (const library of new Set([program, ...more].flatMap(librariesOf))) {
    const target = join(root, library);
    if (!existsSync(target)) place(realpathSync(library), target);
  }
}

function librariesOf(file) {
  const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path).filter((path) => existsSync(path));
}

function link(from, to) {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK'].includes(error.code)) throw error;
    copyFileSync(from, to);
  }
}
