import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { INSIDE, KILLED_AT, placesOfTheProgram, SHOWN_ELSEWHERE } from './boundaries.js';

const ROOT = join(import.meta.dirname, '../..');
const places = placesOfTheProgram();
const commits = [...new Set(places.commits.map(({ name }) => name))].sort();
const writes = new Set(places.writes.map(({ name }) => name));
const killedAt: string[] = Object.values(KILLED_AT).flat();

/** A commit that nobody has killed the program at is a promise that nobody has tried. */
describe('every commit of the program', () => {
  it('has a name of its own', () => {
    const names = places.commits.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('has its name, and a written table its schema, as a literal, so that they can be listed', () => {
    expect(places.nameless.map(({ at }) => at)).toEqual([
      // Both tables are named where they are handed in, which is listed.
      'platform/postgres/aggregate-table.ts',
      'platform/postgres/aggregate-table.ts',
      'telemetry/adapters/postgres/postgres-telemetry-retention.ts',
    ]);
  });

  it('is one that the program is killed at, part of one, or tried in a spec of its own', () => {
    const known = [...killedAt.filter((name) => !writes.has(name)), ...INSIDE, ...Object.keys(SHOWN_ELSEWHERE)].sort();
    expect(known).toEqual(commits);
  });

  it('by a single statement that the program is killed at is still in the source', () => {
    expect(killedAt.filter((name) => !writes.has(name) && !commits.includes(name))).toEqual([]);
  });

  it('that is tried elsewhere is tried in a spec that is there', () => {
    expect(Object.values(SHOWN_ELSEWHERE).filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe('every effect outside the database', () => {
  it('has a failpoint on both sides', () => {
    const names = new Set(places.effects.map(({ name }) => name));
    const sides = [...names].map((name) => name.replace(/:(before|after)$/, ''));
    expect([...names].every((name) => /:(before|after)$/.test(name))).toBe(true);
    expect([...new Set(sides)].filter((name) => !names.has(`${name}:before`) || !names.has(`${name}:after`))).toEqual(
      [],
    );
  });
});
