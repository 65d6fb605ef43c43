import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { CARRIED, carriedFiles } from '../scripts/helm/copy-files.mjs';
import { CHART, helm, toolPath } from '../scripts/helm/helm.mjs';
import { lint } from '../scripts/helm/lint.mjs';
import { SETTINGS } from '../src/app/configuration.js';
import { guardianSettings } from '../src/guardian/settings.js';
import { variableName } from '../src/platform/config/index.js';
import { describeWith } from './support/services.js';

const FIXTURES = join(import.meta.dirname, 'fixtures', 'chart');
const SETS = readdirSync(FIXTURES)
  .filter((file) => file.endsWith('.values.yaml'))
  .map((file) => file.replace('.values.yaml', ''))
  .sort();

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Record<string, unknown>;
  readonly rules?: readonly Record<string, readonly string[]>[];
}
interface Container {
  readonly env: readonly { name: string; value?: string; valueFrom?: object }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: Readonly<Record<string, string>> };
}
interface Pod {
  readonly containers: readonly Container[];
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
}

/** Every setting of the program, and the short name that its documentation gives first. */
const KNOWN = new Set([
  ...[...SETTINGS, guardianSettings].flatMap(({ name, schema }) =>
    Object.keys(schema.shape).map((key) => variableName(name, key)),
  ),
  'RATCHET_ROLES',
  // What every AWS program reads.
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
]);
const SECRET = /(DATABASE|PROMETHEUS)_URL$|_BROKERS$|_TOKEN$|_USERNAME$|_PASSWORD$|SECRET|ACCESS_KEY/;

const render = (set: string, ...more: string[]): Promise<string> =>
  helm([
    'template',
    'acme',
    CHART,
    '--namespace',
    'ratchet',
    '--values',
    join(FIXTURES, `${set}.values.yaml`),
    ...more,
  ]);

/** Beside every manifest of the set: the chart and what it is rendered with. */
async function manifests(set: string, ...more: string[]): Promise<Manifest[]> {
  return parseAllDocuments(await render(set, ...more)).flatMap((document) => {
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

const podsOf = (all: readonly Manifest[]): [string, Pod][] =>
  all
    .filter(({ kind }) => kind === 'Deployment')
    .map(({ metadata, spec }) => [metadata.name, (spec!['template'] as { spec: Pod }).spec]);

describeWith('helm')('the chart', () => {
  // The first time Helm is built.
  beforeAll(() => toolPath('helm'), 15 * 60_000);

  it.each(SETS)('has nothing that Helm complains about with the values %s', async (set) => {
    const said = await helm(['lint', '--strict', CHART, '--values', join(FIXTURES, `${set}.values.yaml`)]);
    expect(said).toContain('0 chart(s) failed');
  });

  it.each(SETS)('renders what was read and agreed on for the values %s', async (set) => {
    const file = join(FIXTURES, `${set}.golden.yaml`);
    const rendered = await render(set);
    if (process.env['WRITE_DOCUMENTS'] !== undefined) writeFileSync(file, rendered);
    // Changed on purpose? Set WRITE_DOCUMENTS=1 for one run, and read the difference.
    expect(rendered).toBe(readFileSync(file, 'utf8'));
  });

  it('asks for the two Secrets that nothing works without', async () => {
    const refusal = await helm(['template', 'acme', CHART]).catch(messageOf);
    expect(refusal).toContain("at '/database/secret/name'");
    expect(refusal).toContain("at '/api/bootstrapToken/secret/name'");
  });

  it.each([
    ['databse.secret.name=x', "'databse' not allowed"],
    ['image.tga=1', "'tga' not allowed"],
    ['image.digest=sha256:1', "at '/image/digest'"],
    ['image.pullPolicy=Sometimes', "at '/image/pullPolicy'"],
    ['control.replicas=0', "at '/control/replicas'"],
    ['control.resources.limits.memory=lots', "at '/control/resources/limits/memory'"],
    ['control.settings.PATH=/bin', "invalid propertyName 'PATH'"],
    ['settings.RATCHET_DATABASE_URL=postgres://u:p@h/d', "invalid propertyName 'RATCHET_DATABASE_URL'"],
    [
      'settings.RATCHET_HTTP_BOOTSTRAP_TOKEN=0123456789012345678901234',
      "invalid propertyName 'RATCHET_HTTP_BOOTSTRAP_TOKEN'",
    ],
    ['guardian.settings.RATCHET_ROLES=all', "invalid propertyName 'RATCHET_ROLES'"],
    ['database.poolSize=1', "at '/database/poolSize'"],
    ['kafka.sasl.mechanism=gssapi', "at '/kafka/sasl/mechanism'"],
    ['kafka.sasl.mechanism=plain', "at '/kafka/sasl/secret/name'"],
    ['artifacts.kind=ftp', "at '/artifacts/kind'"],
    ['artifacts.kind=s3', "at '/artifacts/s3/bucket'"],
    ['artifacts.volume.accessModes[0]=ReadOnlyMany', "at '/artifacts/volume/accessModes/0'"],
    ['gateway.pair.enabled=true', "at '/gateway/pair/httpRoute/parentRefs'"],
    ['gateway.service.port=70000', "at '/gateway/service/port'"],
    ['jobs.namespace.name=Ratchet_Jobs', "at '/jobs/namespace/name'"],
    ['jobs.maxConcurrent=0', "at '/jobs/maxConcurrent'"],
    ['routes.namespaces[0]=*', "at '/routes/namespaces/0'"],
    ['networkPolicies.apiFrom[0].everybody=true', "at '/networkPolicies/apiFrom/0'"],
    ['metrics.rules.kind=Secret', "at '/metrics/rules/kind'"],
    ['metrics.podMonitor.interval=often', "at '/metrics/podMonitor/interval'"],
    ['terminationGracePeriodSeconds=0', "at '/terminationGracePeriodSeconds'"],
    ['logLevel=loud', "at '/logLevel'"],
  ])('refuses %s and says where', async (setting, where) => {
    const refusal = await render('minimal', '--set', setting).catch(messageOf);
    expect(refusal).toContain("values don't meet the specifications of the schema");
    expect(refusal).toContain(where);
  });

  describe.each(SETS)('with the values %s', (set) => {
    let all: Manifest[];
    beforeAll(async () => {
      all = await manifests(set);
    });

    it('runs pods that may nothing: no root, no capabilities, no writable root, no memory without bound', () => {
      const pods = podsOf(all);
      expect(pods.length).toBeGreaterThan(0);
      for (const [name, pod] of pods) {
        expect([name, pod.securityContext]).toMatchObject([
          name,
          { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
        ]);
        for (const { securityContext, resources } of pod.containers) {
          expect(securityContext).toMatchObject({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(Object.keys(resources.limits).sort()).toEqual(['cpu', 'ephemeral-storage', 'memory']);
        }
      }
    });

    it('gives a token of the cluster to nobody but those who talk to it', () => {
      const withToken = podsOf(all)
        .filter(([, pod]) => pod.automountServiceAccountToken)
        .map(([name]) => name.replace('acme-ratchet-', ''));
      expect(withToken).toEqual(['full', 'kueue-gpu-s3'].includes(set) ? ['control', 'guardian'] : ['control']);
    });

    it('sets only settings that there are, and secrets by reference only', () => {
      for (const [name, pod] of podsOf(all)) {
        const env = pod.containers.flatMap((container) => container.env);
        expect([name, env.filter((one) => !KNOWN.has(one.name))]).toEqual([name, []]);
        const secret = env.filter((one) => SECRET.test(one.name));
        expect([name, secret.filter(({ value }) => value !== undefined)]).toEqual([name, []]);
      }
    });

    it('has each name once, and a budget and a policy for each deployment or none at all', () => {
      const names = all.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
      expect(names).toEqual([...new Set(names)]);
      const of = (kind: string) =>
        all.filter((manifest) => manifest.kind === kind).map(({ metadata }) => metadata.name);
      const deployments = of('Deployment').sort();
      expect(of('PodDisruptionBudget').sort()).toEqual(deployments);
      expect(
        of('NetworkPolicy')
          .filter((name) => deployments.includes(name))
          .sort(),
      ).toEqual(deployments);
    });

    it('grants what the code uses and no wildcard, never cluster-wide', () => {
      expect(all.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
      const rules = all.filter(({ kind }) => kind === 'Role').flatMap((role) => role.rules!);
      expect(rules.length > 0).toBe(set !== 'no-rbac');
      for (const rule of rules) expect(Object.values(rule).flat()).not.toContain('*');
    });
  });

  it('lets a runner reach names and the job API, and nobody reach a runner', async () => {
    const policies = (await manifests('minimal')).filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'ratchet-jobs',
    );
    const control = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ratchet' } },
      podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'control' }) },
    };
    expect(policies.map(({ spec }) => spec)).toEqual([
      { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
      {
        podSelector: {},
        policyTypes: ['Egress'],
        egress: [
          { ports: [expect.objectContaining({ port: 53 }), expect.objectContaining({ port: 53 })] },
          { ports: [{ protocol: 'TCP', port: 8080 }], to: [control] },
        ],
      },
    ]);
  });

  it('leaves out budgets and policies where they are switched off', async () => {
    const off = ['--set', 'disruptionBudgets.enabled=false', '--set', 'networkPolicies.enabled=false'];
    const kinds = (await manifests('minimal', ...off)).map(({ kind }) => kind);
    expect(kinds).toContain('Deployment');
    expect(kinds.filter((kind) => ['PodDisruptionBudget', 'NetworkPolicy'].includes(kind))).toEqual([]);
  });

  it('explains every value in its README, and no other', () => {
    const readme = readFileSync(join(CHART, 'README.md'), 'utf8').split('## Values')[1]!;
    const explained = [...readme.matchAll(/^\| `([A-Za-z0-9.]+)` \|/gm)].map(([, name]) => name!);
    const values = pathsOf(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as object);
    const perPart = new Set(['control', 'gateway', 'ingest', 'guardian']);
    // What every part has is explained once, under `control`.
    const shared = (path: string) =>
      perPart.has(path.split('.')[0]!) && explained.includes(path.replace(/^[a-z]+/, 'control'));
    expect(values.filter((path) => !explained.includes(path) && !shared(path))).toEqual([]);
    expect(explained.filter((path) => !values.includes(path))).toEqual([]);
  });

  it.each(['dashboards', 'rules'] as const)('carries the %s as they are in the repository', (what) => {
    const { from, files } = CARRIED[what];
    // Different? "node scripts/helm/copy-files.mjs" copies them.
    expect(carriedFiles(join(CHART, 'files', what), /./)).toEqual(carriedFiles(from, files));
  });

  it('gives each dashboard and each file of rules an object of its own, unchanged', async () => {
    const on = ['--set', 'metrics.rules.enabled=true', '--set', 'metrics.dashboards.enabled=true'];
    const all = await manifests('minimal', ...on);
    const maps = all.filter(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> }[];
    const carried = (what: string) => carriedFiles(join(CHART, 'files', what), /./);
    expect(maps.map(({ data }) => data)).toEqual(
      Object.entries(carried('dashboards')).map(([file, text]) => ({ [file]: text })),
    );
    const rules = all.filter(({ kind }) => kind === 'PrometheusRule').map(({ spec }) => spec);
    expect(rules).toEqual(Object.values(carried('rules')).map((text) => parse(text) as unknown));
  });

  it(
    'gives the linter nothing to say that k8s/exceptions.yaml does not answer',
    async () => {
      const { unexplained, unused, passed } = await lint();
      expect({ unexplained, unused }).toEqual({ unexplained: [], unused: [] });
      expect(passed).toBeGreaterThan(100);
    },
    15 * 60_000,
  );
});

function messageOf(error: unknown): string {
  return (error as Error).message;
}

/** Leaves of the values, as dotted paths; a free-form map is one leaf. */
function pathsOf(value: unknown, path = ''): string[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  const free = /(requests|limits|labels|egress\.[a-z]+|[A-Za-z]*From)$/i.test(path);
  if (!isMap || free) return [path];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, path === '' ? key : `${path}.${key}`));
}
