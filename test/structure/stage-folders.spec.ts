import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PIPELINE } from '../../pipeline.js';
import { ROOT } from './planted-tree.js';

const src = join(ROOT, 'src');
const BESIDE_THE_STAGES = ['app', 'cli', 'guardian', 'kernel', 'platform'];

describe('the folders of src/', () => {
  it('are the stages of PIPELINE and the few that are no stage', () => {
    const folders = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const stages = folders.map(({ name }) => name).filter((name) => !BESIDE_THE_STAGES.includes(name));
    expect(stages.sort()).toEqual([...PIPELINE].sort());
  });

  it.each(PIPELINE)('%s is a whole stage', (stage) => {
    const wanted = [
      'README.md',
      'index.ts',
      'ports.ts',
      `${stage}.module.ts`,
      'persistence.ts',
      'metrics.ts',
      'domain',
    ];
    expect(wanted.filter((name) => !existsSync(join(src, stage, name)))).toEqual([]);
  });

  it.each(PIPELINE)('%s has a specification beside its domain', (stage) => {
    const files = readdirSync(join(src, stage, 'domain'), { recursive: true, encoding: 'utf8' });
    expect(files.some((file) => file.endsWith('.spec.ts'))).toBe(true);
  });
});
