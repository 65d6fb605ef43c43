import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, STAMPS } from './places.mjs';

/** The key under which a step was last completed, or null when it never was (or was interrupted). */
export function readStamp(step) {
  try {
    return JSON.parse(readFileSync(join(STAMPS, `${step}.json`), 'utf8')).key ?? null;
  } catch {
    return null; // absent or cut off by a crash: both mean "do it again"
  }
}

/** Written only after the step is complete, by rename, so that a stamp is whole or absent. */
export function writeStamp(step, key) {
  mkdirSync(STAMPS, { recursive: true });
  const file = join(STAMPS, `${step}.json`);
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify({ key, at: new Date().toISOString() })}\n`);
  renameSync(`${file}.${process.pid}`, file);
}

/** Removed before a step starts: from then on the step counts as half done. */
export function clearStamp(step) {
  rmSync(join(STAMPS, `${step}.json`), { force: true });
}

/** A hash over texts and the contents of files and folders; a missing path counts as empty. */
export function hashOf({ texts = [], paths = [], accept = () => true }) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`text ${text}\n`);
  for (const path of paths) {
    for (const file of filesUnder(path, accept)) {
      const content = readIfThere(file); // an editor may delete a file between the listing and the reading
      if (content) hash.update(`file ${relative(ROOT, file)} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** All files under a path in a stable order; the path itself when it is a file. */
export function filesUnder(path, accept = () => true) {
  if (!existsSync(path)) return [];
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return accept(path) ? [path] : [];
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return filesUnder(child, accept);
      return entry.isFile() && accept(child) ? [child] : [];
    });
}

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}
