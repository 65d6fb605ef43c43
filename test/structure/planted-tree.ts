import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PIPELINE } from '../../pipeline.js';

export const ROOT = join(import.meta.dirname, '..', '..');

/** One file of the planted tree, by its path from the tree's root, and what it contains. */
export type Planted = readonly [path: string, content: string];

export interface Report {
  /** `rule path` for every violation found. */
  readonly violations: ReadonlySet<string>;
  readonly rules: readonly string[];
}

interface CruiseResult {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly rule: { readonly name: string };
      /** The other files of a cycle; a cycle is reported once, from any of them. */
      readonly cycle?: readonly { readonly name: string }[];
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string }[] };
  };
}

/** A small tree in the shape of ours, with every folder that the rules speak of. */
function skeleton(): Planted[] {
  const stages = PIPELINE.flatMap((stage): Planted[] => [
    [`src/${stage}/index.ts`, `export * from './domain/thing.js';\nexport * from './ports.js';\n`],
    [
      `src/${stage}/ports.ts`,
      `import type { Thing } from './domain/thing.js';\nexport abstract class Store { abstract find(): Thing; }\n`,
    ],
    [
      `src/${stage}/domain/thing.ts`,
      `import type { Id } from '../../kernel/index.js';\nexport interface Thing { readonly id: Id }\n`,
    ],
    [`src/${stage}/persistence.ts`, `export { Row } from './adapters/postgres/row.js';\n`],
    [`src/${stage}/adapters/postgres/row.ts`, `import 'typeorm';\nimport 'pg';\nexport class Row {}\n`],
    [
      `src/${stage}/${stage}.module.ts`,
      `import '../platform/postgres/index.js';\nimport './adapters/postgres/row.js';\nexport class Module {}\n`,
    ],
    [`src/${stage}/testing/fake.ts`, `import { Store } from '../ports.js';\nexport const fake = Store;\n`],
  ]);
  const packages = [
    'typeorm',
    'pg',
    'kafkajs',
    '@aws-sdk/client-s3',
    '@kubernetes/client-node',
    '@prometheus-io/lezer-promql',
    'onnxruntime-node',
  ].flatMap((name): Planted[] => [
    [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' })],
    [`node_modules/${name}/index.js`, ''],
  ]);
  return [
    ['src/kernel/index.ts', 'export type Id = string;\n'],
    ['src/platform/postgres/index.ts', `import 'typeorm';\nexport const database = 1;\n`],
    [
      'src/app/all.module.ts',
      `import '../models/models.module.js';\nimport '../jobs/persistence.js';\nexport class All {}\n`,
    ],
    ['src/main.ts', `import './app/all.module.js';\n`],
    ['src/cli/main.ts', `import type { Thing } from '../models/index.js';\nexport type T = Thing;\n`],
    ['demo/main.ts', `import 'node:http';\n`],
    ...stages,
    ...packages,
  ];
}

/** Lays the skeleton and the planted files into a temporary folder and asks dependency-cruiser, with our rules, about it. */
export function cruise(planted: readonly Planted[]): Report {
  const tree = mkdtempSync(join(tmpdir(), 'ratchet-rules-'));
  try {
    for (const file of ['.dependency-cruiser.js', 'pipeline.js', 'tsconfig.json'])
      cpSync(join(ROOT, file), join(tree, file));
    const own: Planted = ['package.json', JSON.stringify({ name: 'tree', type: 'module' })];
    for (const [path, content] of [own, ...skeleton(), ...planted]) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), content);
    }
    const program = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
    const args = [program, 'src', 'demo', '--config', '.dependency-cruiser.js', '--output-type', 'json'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8', maxBuffer: 64 << 20 });
    if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser did not answer: ${stderr}`);
    const { summary } = JSON.parse(stdout) as CruiseResult;
    return {
      violations: new Set(
        summary.violations.flatMap(({ from, rule, cycle = [] }) =>
          [from, ...cycle.map(({ name }) => name)].map((path) => `${rule.name} ${path}`),
        ),
      ),
      rules: summary.ruleSetUsed.forbidden.map(({ name }) => name),
    };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}
