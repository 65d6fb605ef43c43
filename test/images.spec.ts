import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Assembled, assembleControl, assembleHostRunner, assembleRunner } from '../scripts/images/assemble.mjs';
import { CONTROL, type ImageContents, RUNNER } from '../scripts/images/contents.mjs';
import { describeWith } from './support/services.js';

const ROOT = join(import.meta.dirname, '..');

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Instructions of each stage; comments are gone and continued lines are one. */
function stagesOf(dockerfile: string): Instruction[][] {
  const lines = readFileSync(join(ROOT, dockerfile), 'utf8')
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [name = '', ...rest] = line.trim().split(/\s+/);
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, text: rest.join(' ') });
  }
  return stages;
}

/** What the last stage leaves in force. */
function imageOf(dockerfile: string) {
  const last = stagesOf(dockerfile).at(-1) ?? [];
  const all = (name: string) => last.filter((one) => one.name === name).map((one) => one.text);
  const list = (name: string) => JSON.parse(all(name).at(-1) ?? '[]') as string[];
  const pairs = all('ENV').flatMap((text) => [...text.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]));
  return {
    user: all('USER').at(-1),
    folder: all('WORKDIR').at(-1),
    entrypoint: list('ENTRYPOINT'),
    command: list('CMD'),
    volumes: list('VOLUME'),
    environment: Object.fromEntries(pairs) as Record<string, string>,
    copied: all('COPY').map((text) => text.split(' ').at(-1)),
    healthcheck: all('HEALTHCHECK').at(-1) ?? '',
  };
}

function wanted({ user, folder, entrypoint, command, volumes, environment }: ImageContents) {
  return { user, folder, entrypoint, command, volumes, environment };
}

describe('the Dockerfiles', () => {
  it.each([CONTROL, RUNNER])('$dockerfile makes the image that contents.mjs describes', (contents) => {
    expect(imageOf(contents.dockerfile)).toMatchObject(wanted(contents));
  });

  it('leave out of the control plane what contents.mjs leaves out, and bring what it brings', () => {
    const removed = stagesOf(CONTROL.dockerfile)[0]?.find(({ text }) => text.includes('rm -rf'))?.text ?? '';
    expect(removed.split('rm -rf ')[1]?.split(/\s+/)).toEqual(CONTROL.leftOut);
    expect(imageOf(CONTROL.dockerfile).copied).toEqual(CONTROL.files.map((file) => `./${file}`));
    expect(imageOf(CONTROL.dockerfile).healthcheck).toContain('/livez');
  });

  it('run as nobody in particular, by number, and make the folders of that user', () => {
    for (const { dockerfile, user, volumes } of [CONTROL, RUNNER]) {
      expect(user).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
      const made = stagesOf(dockerfile)
        .at(-1)
        ?.filter(({ name, text }) => name === 'RUN' && text.includes('mkdir'));
      for (const volume of volumes) expect(made?.[0]?.text).toContain(`mkdir -p ${volume} && chown ${user} ${volume}`);
    }
  });

  it('copy only what the context lets through', () => {
    const [all, ...back] = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(all).toBe('*');
    const context = back.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const copied = [CONTROL, RUNNER].flatMap(({ dockerfile }) =>
      stagesOf(dockerfile)
        .flat()
        .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from')),
    );
    const sources = copied.flatMap(({ text }) => text.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(6);
    expect(sources.filter((source) => !context.includes(source))).toEqual([]);
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
  });
});

describe('the content of the images without Docker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-images-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const expectContents = (assembled: Assembled, contents: ImageContents) => {
    expect(assembled).toMatchObject(wanted(contents));
    const program = join(assembled.root, contents.entrypoint[0] ?? '');
    const files = [contents.folder, ...contents.volumes].filter((path) => !existsSync(join(assembled.root, path)));
    expect(files).toEqual([]);
    expect(readFileSync(join(assembled.root, 'etc/passwd'), 'utf8')).toContain(`:${contents.user}:`);
    expect(statSync(join(assembled.root, 'tmp')).mode & 0o7777).toBe(0o1777);
    return program;
  };

  describe('of the control plane', () => {
    let assembled: Assembled;
    beforeAll(() => {
      assembled = assembleControl(join(folder, 'control'));
    }, 60_000);

    it('is what contents.mjs describes, and nothing that it leaves out', () => {
      expect(existsSync(expectContents(assembled, CONTROL))).toBe(true);
      const app = join(assembled.root, CONTROL.folder);
      expect(readdirSync(app).sort()).toEqual([...CONTROL.files].sort());
      expect(CONTROL.leftOut.filter((path) => existsSync(join(app, path)))).toEqual([]);
      for (const development of ['jest', 'typescript', '@swc/core'])
        expect(existsSync(join(app, 'node_modules', development))).toBe(false);
    });

    it('starts with nothing but itself', () => {
      const [node = '', ...options] = CONTROL.entrypoint;
      const done = spawnSync(join(assembled.root, node), [...options, ...CONTROL.command, '--help'], {
        cwd: join(assembled.root, CONTROL.folder),
        env: {},
        encoding: 'utf8',
      });
      expect([done.status, done.stderr]).toEqual([0, '']);
      expect(done.stdout).toContain('Starts Ratchet');
    }, 60_000);
  });

  describeWith('python-runner')('of the runner', () => {
    it('has Python and every package that quantization needs, and our own source', () => {
      const assembled = assembleRunner(join(folder, 'runner'));
      expectContents(assembled, RUNNER);
      expect(assembled.mounts).toEqual([]);
      const lib = join(assembled.root, 'opt/ratchet/lib');
      const site = join(lib, readdirSync(lib)[0] ?? '', 'site-packages');
      const needed = ['ratchet_runners', 'numpy', 'onnx', 'onnxruntime', 'pyarrow', 'pydantic', 'pydantic_core'];
      expect(needed.filter((name) => !existsSync(join(site, name)))).toEqual([]);
      expect(readdirSync(site).filter((name) => /^(torch|nvidia|pytest|pip)$/.test(name))).toEqual([]);
      expect(readdirSync(site).filter((name) => name.startsWith('__editable__'))).toEqual([]);
    }, 120_000);

    it('of the small one names what its pods have to mount', () => {
      const assembled = assembleHostRunner(join(folder, 'runner-host'));
      expectContents(assembled, RUNNER);
      const paths = assembled.mounts.map(({ mountPath }) => mountPath);
      // Between them: where Python lies when it is not the system's own.
      expect([paths[0], paths.at(-1)]).toEqual(['/usr', '/host/packages']);
      expect(paths.slice(1, -1).filter((path) => !existsSync(join(path, 'bin')))).toEqual([]);
      expect(assembled.mounts.filter(({ hostPath }) => !existsSync(hostPath))).toEqual([]);
      const lib = join(assembled.root, 'opt/ratchet/lib');
      const site = join(lib, readdirSync(lib)[0] ?? '', 'site-packages');
      expect(readdirSync(site).sort()).toEqual(['host.pth', 'ratchet_runners']);
    });
  });
});
