import { PIPELINE } from './pipeline.js';

// The import rules. They match paths, so a misspelt path passes silently: test/structure plants a violation of each and
// compares PIPELINE with the folders of src/.
const stage = `^src/(${PIPELINE.join('|')})/`;
const spec = '\\.spec\\.ts$';
const forbid = (name, from, to, comment) => ({ name, comment, severity: 'error', from, to });
const only = (npm, ...where) =>
  forbid(
    `${npm}-has-its-place`,
    { pathNot: where },
    { path: `node_modules/${npm}/` },
    `${npm} stays behind its adapters.`,
  );

export default {
  forbidden: [
    forbid('no-cycles', {}, { circular: true }, 'A cycle hides who depends on whom.'),
    forbid('no-missing-imports', {}, { couldNotResolve: true }, 'An import that leads nowhere.'),
    forbid(
      'domain-is-pure',
      { path: '^src/([^/]+)/domain/', pathNot: spec },
      { pathNot: ['^src/$1/domain/', '^src/kernel/', `${stage}index\\.ts$`] },
      'Own domain, kernel, an upstream index. No packages, no builtins.',
    ),
    forbid(
      'index-is-the-published-language',
      { path: '^src/([^/]+)/index\\.ts$' },
      { pathNot: ['^src/$1/domain/', '^src/$1/ports\\.ts$', '^src/$1/index\\.ts$', '^src/kernel/'] },
      'Types, facts and ports of the own stage; no Nest, no adapter.',
    ),
    forbid(
      'ports-are-plain',
      { path: `${stage}ports\\.ts$` },
      { pathNot: ['^src/$1/domain/', '^src/kernel/', `${stage}index\\.ts$`] },
      'A port speaks only the language of the domain.',
    ),
    forbid(
      'kernel-is-a-leaf',
      { path: '^src/kernel/', pathNot: spec },
      { pathNot: '^src/kernel/' },
      'The kernel imports nothing.',
    ),
    forbid(
      'platform-knows-no-stage',
      { path: '^src/platform/' },
      { path: `${stage}|^src/(app|cli)/` },
      'Technical parts serve every stage alike.',
    ),
    forbid(
      'stages-meet-at-the-index',
      { path: stage, pathNot: ['\\.module\\.ts$', '\\.pg\\.spec\\.ts$'] },
      { path: stage, pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', '^src/[^/]+/testing/'] },
      "A stage's inside is its own.",
    ),
    forbid(
      'database-specs-may-make-the-tables-of-others',
      { path: `${stage}.*\\.pg\\.spec\\.ts$` },
      {
        path: stage,
        pathNot: ['^src/$1/', '^src/[^/]+/(index|persistence|[^/]+\\.module)\\.ts$', '^src/[^/]+/testing/'],
      },
      'But look no further inside.',
    ),
    forbid(
      'modules-import-modules',
      { path: `${stage}.*\\.module\\.ts$` },
      { path: stage, pathNot: ['^src/$1/', '^src/[^/]+/(index|[^/]+\\.module)\\.ts$'] },
      'Wiring reaches for the upstream module or index.',
    ),
    forbid(
      'app-sees-modules-and-persistence',
      { path: '^src/(app/|main\\.ts)', pathNot: spec },
      { path: stage, pathNot: '^src/[^/]+/(index|persistence|settings|[^/]+\\.module)\\.ts$' },
      'The composition root knows what a stage publishes, wires, stores and can be set to.',
    ),
    forbid(
      'nobody-imports-the-app',
      { path: '^src/', pathNot: ['^src/app/', '^src/main\\.ts$'] },
      { path: '^src/(app/|main\\.ts)' },
      'The composition root is at the top.',
    ),
    forbid(
      'cli-speaks-http',
      { path: '^src/cli/', pathNot: spec },
      { path: '^src/', pathNot: ['^src/cli/', '^src/kernel/', `${stage}index\\.ts$`] },
      'The client knows the API and the published types, nothing else.',
    ),
    forbid(
      'cli-imports-types-only',
      { path: '^src/cli/', pathNot: spec },
      { path: `${stage}index\\.ts$`, dependencyTypesNot: ['type-only'] },
      'A value import would carry the server into the client.',
    ),
    forbid(
      'demo-is-a-user',
      { path: '^demo/' },
      { path: '^(src|test|dist)/' },
      'The demo shows what any user can do: HTTP and programs.',
    ),
    forbid(
      'sources-do-not-lean-on-the-rim',
      { path: '^src/' },
      { path: '^(demo|test|dist)/' },
      'Sources import sources.',
    ),
    forbid(
      'fakes-are-for-tests',
      { path: '^(src|demo)/', pathNot: [spec, '^src/[^/]+/testing/'] },
      { path: '^src/[^/]+/testing/' },
      'What runs in production imports no fake.',
    ),
    forbid(
      'adapters-are-wired-in-the-module',
      {
        path: stage,
        pathNot: ['^src/[^/]+/adapters/', '\\.module\\.ts$', '/persistence\\.ts$', '^src/[^/]+/testing/', spec],
      },
      { path: '^src/[^/]+/adapters/' },
      'Everybody else asks for the port.',
    ),
    forbid(
      'platform-is-for-the-rim',
      {
        path: stage,
        pathNot: [
          '^src/[^/]+/(adapters|testing)/',
          '\\.(module|reconciler)\\.ts$',
          '/(metrics|persistence|settings)\\.ts$',
          spec,
        ],
      },
      { path: '^src/platform/', pathNot: '^src/platform/observability/' },
      'Adapters, modules, reconcilers, metrics, persistence and settings know the platform; what they are made of may log.',
    ),
    forbid(
      'guardian-stands-alone',
      { path: '^src/guardian', pathNot: spec },
      {
        path: '^src/|^node_modules/(typeorm|pg|kafkajs|onnxruntime-node)/',
        pathNot: [
          '^src/guardian/',
          '^src/kernel/',
          '^src/rollouts/(index|ports)\\.ts$',
          `${stage}(domain/|index\\.ts$|ports\\.ts$)`,
          '^src/platform/(config|kubernetes|observability)/',
        ],
        reachable: true,
      },
      'It gives traffic back when everything else is dead, so it can reach nothing that may die first: no database, no log.',
    ),
    only(
      'typeorm',
      '/adapters/postgres/',
      '/persistence\\.ts$',
      '^src/platform/postgres/',
      '^src/app/',
      '^test/',
      spec,
    ),
    only('pg', '/adapters/postgres/', '^src/platform/postgres/', '^src/app/', '^test/', spec),
    only('kafkajs', '/adapters/kafka/', '^src/platform/kafka/', '^test/'),
    only('@kubernetes/client-node', '/adapters/kubernetes/', '^src/platform/kubernetes/'),
    only('@prometheus-io/lezer-promql', '^src/platform/prometheus/', '^test/', '^dashboards/', spec),
    only('@aws-sdk/client-s3', '/adapters/s3/', '^test/'),
    only('onnxruntime-node', '/adapters/onnx[^/]*/', '^(test|demo)/', spec),
    ...PIPELINE.slice(0, -1).map((name, i) =>
      forbid(
        `${name}-knows-nothing-downstream`,
        { path: `^src/${name}/` },
        { path: `^src/(${PIPELINE.slice(i + 1).join('|')})/` },
        'Data flows one way; so do imports.',
      ),
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
