import { beforeAll, describe, expect, it } from '@jest/globals';
import { PIPELINE } from '../../pipeline.js';
import { cruise, type Planted, type Report } from './planted-tree.js';

/** Each rule with at least one file that breaks it. */
const BROKEN: readonly (readonly [rule: string, ...Planted])[] = [
  ['no-cycles', 'src/jobs/domain/hen.ts', `import { egg } from './egg.js';\nexport const hen = () => egg;\n`],
  ['no-missing-imports', 'src/jobs/domain/lost.ts', `import './nowhere.js';\n`],
  ['domain-is-pure', 'src/jobs/domain/packaged.ts', `import 'pg';\n`],
  ['domain-is-pure', 'src/jobs/domain/reading.ts', `import 'node:fs';\n`],
  ['domain-is-pure', 'src/jobs/domain/porting.ts', `import '../ports.js';\n`],
  ['domain-is-pure', 'src/jobs/domain/prying.ts', `import '../../models/domain/thing.js';\n`],
  ['domain-is-pure', 'src/jobs/domain/platformed.ts', `import '../../platform/postgres/index.js';\n`],
  [
    'index-is-the-published-language',
    'src/monitors/index.ts',
    `export * from './domain/thing.js';\nexport * from './ports.js';\nexport * from './monitors.module.js';\n`,
  ],
  ['platform-is-for-the-rim', 'src/triggers/loose.ts', `import '../platform/postgres/index.js';\n`],
  ['ports-are-plain', 'src/candidates/ports.ts', `import 'pg';\nexport abstract class Store {}\n`],
  ['kernel-is-a-leaf', 'src/kernel/leaning.ts', `import '../models/index.js';\n`],
  ['kernel-is-a-leaf', 'src/kernel/packaged.ts', `import 'pg';\n`],
  [
    'platform-knows-no-stage',
    'src/platform/postgres/knowing.ts',
    `import type { Thing } from '../../models/index.js';\nexport type T = Thing;\n`,
  ],
  [
    'stages-meet-at-the-index',
    'src/rollouts/rollout.reconciler.ts',
    `import { Store } from '../experiments/ports.js';\nexport const s = Store;\n`,
  ],
  [
    'stages-meet-at-the-index',
    'src/rollouts/adapters/http/view.ts',
    `import type { Thing } from '../../../jobs/domain/thing.js';\nexport type T = Thing;\n`,
  ],
  ['modules-import-modules', 'src/rollouts/other.module.ts', `import '../jobs/ports.js';\n`],
  ['app-sees-modules-and-persistence', 'src/app/prying.ts', `import '../jobs/adapters/postgres/row.js';\n`],
  ['nobody-imports-the-app', 'src/platform/postgres/topping.ts', `import '../../app/all.module.js';\n`],
  ['cli-speaks-http', 'src/cli/shortcut.ts', `import '../platform/postgres/index.js';\n`],
  [
    'cli-imports-types-only',
    'src/cli/carrying.ts',
    `import { Store } from '../models/index.js';\nexport const s = Store;\n`,
  ],
  ['demo-is-a-user', 'demo/inside.ts', `import '../src/models/index.js';\n`],
  ['sources-do-not-lean-on-the-rim', 'src/app/leaning.ts', `import '../../demo/main.js';\n`],
  [
    'fakes-are-for-tests',
    'src/jobs/job.reconciler.ts',
    `import { fake } from './testing/fake.js';\nexport const f = fake;\n`,
  ],
  ['adapters-are-wired-in-the-module', 'src/jobs/eager.reconciler.ts', `import './adapters/postgres/row.js';\n`],
  ['typeorm-has-its-place', 'src/jobs/rows.reconciler.ts', `import 'typeorm';\n`],
  ['typeorm-has-its-place', 'src/platform/http/rows.ts', `import 'typeorm';\n`],
  ['pg-has-its-place', 'src/jobs/sql.reconciler.ts', `import 'pg';\n`],
  ['kafkajs-has-its-place', 'src/telemetry/adapters/http/topic.ts', `import 'kafkajs';\n`],
  ['guardian-stands-alone', 'src/guardian/history.ts', `import '../platform/postgres/index.js';\n`],
  [
    '@kubernetes/client-node-has-its-place',
    'src/jobs/adapters/local/cluster.ts',
    `import '@kubernetes/client-node';\n`,
  ],
  ['@aws-sdk/client-s3-has-its-place', 'src/models/adapters/folder/bucket.ts', `import '@aws-sdk/client-s3';\n`],
  [
    '@prometheus-io/lezer-promql-has-its-place',
    'src/rollouts/adapters/prometheus/grammar.ts',
    `import '@prometheus-io/lezer-promql';\n`,
  ],
  [
    'database-specs-may-make-the-tables-of-others',
    'src/rollouts/adapters/postgres/looking.pg.spec.ts',
    `import { Store } from '../../../jobs/adapters/postgres/row.js';\nexport const s = Store;\n`,
  ],
  ['onnxruntime-node-has-its-place', 'src/serving/adapters/http/session.ts', `import 'onnxruntime-node';\n`],
  ...PIPELINE.slice(0, -1).map(
    (stage, i) =>
      [
        `${stage}-knows-nothing-downstream`,
        `src/${stage}/looking.reconciler.ts`,
        `import type { Thing } from '../${PIPELINE[i + 1]!}/index.js';\nexport type T = Thing;\n`,
      ] as const,
  ),
];

/** The other half of the cycle; beside the table because it is reported, too. */
const EGG: Planted = ['src/jobs/domain/egg.ts', `import { hen } from './hen.js';\nexport const egg = () => hen;\n`];

const LEGAL: readonly Planted[] = [
  ['src/guardian/leases.ts', `import type { Id } from '../kernel/index.js';\nexport type I = Id;\n`],
  [
    'src/rollouts/adapters/postgres/tables.pg.spec.ts',
    `import { jobsPersistence } from '../../../jobs/persistence.js';\nexport const p = jobsPersistence;\n`,
  ],
  [
    'src/rollouts/domain/upstream.ts',
    `import type { Thing } from '../../experiments/index.js';\nimport type { Id } from '../../kernel/index.js';\nexport type T = Thing & { of: Id };\n`,
  ],
  [
    'src/rollouts/legal.reconciler.ts',
    `import { Store } from '../experiments/index.js';\nimport '../platform/postgres/index.js';\nimport { Store as Own } from './ports.js';\nexport const s = [Store, Own];\n`,
  ],
  [
    'src/rollouts/adapters/postgres/store.ts',
    `import 'typeorm';\nimport { Store } from '../../ports.js';\nexport const s = Store;\n`,
  ],
  [
    'src/rollouts/wiring.module.ts',
    `import '../experiments/experiments.module.js';\nimport './adapters/postgres/store.js';\n`,
  ],
  [
    'src/rollouts/domain/upstream.spec.ts',
    `import { fake } from '../testing/fake.js';\nimport { fake as theirs } from '../../jobs/testing/fake.js';\nexport const f = [fake, theirs];\n`,
  ],
  ['src/serving/adapters/onnx/session.ts', `import 'onnxruntime-node';\n`],
  ['src/jobs/adapters/kubernetes/cluster.ts', `import '@kubernetes/client-node';\n`],
  ['src/models/adapters/s3/bucket.ts', `import '@aws-sdk/client-s3';\n`],
  ['src/platform/prometheus/grammar.ts', `import '@prometheus-io/lezer-promql';\n`],
];

describe('the import rules', () => {
  let report: Report;
  beforeAll(() => {
    report = cruise([...BROKEN.map(([, ...planted]) => planted), EGG, ...LEGAL]);
  });

  it.each(BROKEN.map(([rule, path]) => [rule, path]))('%s reports %s', (rule, path) => {
    expect([...report.violations].filter((violation) => violation.endsWith(` ${path}`))).toContain(`${rule} ${path}`);
  });

  it.each(LEGAL.map(([path]) => path))('nothing is said against %s', (path) => {
    expect([...report.violations].filter((violation) => violation.endsWith(` ${path}`))).toEqual([]);
  });

  it('says nothing about any file that breaks no rule', () => {
    const guilty = new Set<string>([...BROKEN.map(([, path]) => path), EGG[0]]);
    const others = [...report.violations].filter(
      (violation) => !guilty.has(violation.slice(violation.lastIndexOf(' ') + 1)),
    );
    expect(others).toEqual([]);
  });

  it('has a planted violation for every rule there is', () => {
    expect([...new Set(BROKEN.map(([rule]) => rule))].sort()).toEqual([...report.rules].sort());
  });
});
