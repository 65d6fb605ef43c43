import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE_MODULES, ROOT, RUNNERS } from '../setup/places.mjs';
import { pythonBinary } from '../setup/python-environment.mjs';

const npm = (program, ...args) => [process.execPath, [join(NODE_MODULES, program), ...args]];
const python = (...args) => [pythonBinary, ['-m', ...args], { cwd: RUNNERS }];
const here = (path) => existsSync(join(ROOT, path));
const compiled = ['src', 'test', 'demo', 'examples'];
const schemaCheck = 'dist/app/schema-check.js';

const runners = {
  when: () => here('gpu-runners/pyproject.toml'),
  needed: 'gpu-runners/pyproject.toml is not in this clone',
};

/** The long ones first, so that two at a time end early. */
export const CHECKS = [
  {
    name: 'lint',
    what: 'eslint, with types',
    command: (fix) => npm('eslint/bin/eslint.js', '.', '--max-warnings', '0', ...(fix ? ['--fix'] : [])),
  },
  {
    name: 'types',
    what: 'tsc over src, test, demo, examples',
    command: () => npm('typescript/bin/tsc', '--noEmit', '-p', '.'),
  },
  {
    name: 'format',
    what: 'prettier',
    command: (fix) => npm('prettier/bin/prettier.cjs', fix ? '--write' : '--check', '--log-level', 'warn', '.'),
  },
  {
    name: 'imports',
    what: 'the import rules of .dependency-cruiser.js',
    command: () =>
      npm(
        'dependency-cruiser/bin/dependency-cruiser.mjs',
        ...compiled.filter(here),
        '--config',
        '.dependency-cruiser.js',
        '--output-type',
        'err-long',
      ),
  },
  {
    name: 'structure',
    what: 'folders, file sizes, and the rules themselves',
    command: () => [
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        join(NODE_MODULES, 'jest/bin/jest.js'),
        '--silent',
        '--roots',
        'test/structure',
      ],
    ],
  },
  {
    name: 'schema',
    what: 'entities against the schema that the migrations make',
    when: () => here(schemaCheck),
    needed: `${schemaCheck} is not built`,
    command: () => [process.execPath, [join(ROOT, schemaCheck)]],
  },
  {
    name: 'py-lint',
    what: 'ruff check',
    ...runners,
    command: (fix) => python('ruff', 'check', '.', ...(fix ? ['--fix'] : [])),
  },
  {
    name: 'py-format',
    what: 'ruff format',
    ...runners,
    command: (fix) => python('ruff', 'format', '.', ...(fix ? [] : ['--check'])),
  },
  {
    name: 'py-types',
    what: 'pyright',
    ...runners,
    command: () => python('pyright', '--pythonpath', join(dirname(pythonBinary), 'python')),
  },
];
