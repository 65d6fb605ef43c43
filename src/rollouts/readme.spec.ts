import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ROLLOUT_TRANSITIONS } from './domain/rollout.js';

it("the README's phases are the transition table", () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const table = Object.entries(ROLLOUT_TRANSITIONS).map(([from, to]) =>
    [from, ...(to.length ? [`→ ${to.join(', ')}`] : [])].join(' '),
  );
  expect(/```phases\n([\s\S]*?)\n```/.exec(readme)?.[1]).toBe(table.join('\n'));
});
