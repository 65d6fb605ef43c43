import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { CHART, helm, toolPath } from '../scripts/helm/helm.mjs';
import { type Cluster, describeWithKubernetes, openNamespace } from './support/kube.js';

const MINUTE = 60_000;
const FULL = join(import.meta.dirname, 'fixtures', 'chart', 'kueue-gpu-s3.values.yaml');

/** `verb resource`: every call that the code makes; its answers are in the specs of the adapters that make them. */
const RUNNER = [
  ...['create', 'get', 'list', 'watch', 'delete'].map((verb) => `${verb} jobs.batch`),
  ...['list', 'watch'].map((verb) => `${verb} pods`),
  ...['create', 'delete'].map((verb) => `${verb} secrets`),
  'list workloads.kueue.x-k8s.io',
];
const ROUTES = [
  'httproutes.gateway.networking.k8s.io',
  'inferenceservices.serving.kserve.io',
  'virtualservices.networking.istio.io',
];
const on = (verbs: readonly string[]) => ROUTES.flatMap((route) => verbs.map((verb) => `${verb} ${route}`));

const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
const RESOURCES = [
  ...[
    'jobs.batch',
    'cronjobs.batch',
    'deployments.apps',
    'pods',
    'pods/log',
    'pods/exec',
    'pods/attach',
    'pods/ephemeralcontainers',
  ],
  ...[
    'secrets',
    'configmaps',
    'serviceaccounts',
    'serviceaccounts/token',
    'services',
    'events',
    'persistentvolumeclaims',
  ],
  ...['roles.rbac.authorization.k8s.io', 'rolebindings.rbac.authorization.k8s.io', 'networkpolicies.networking.k8s.io'],
  ...['workloads.kueue.x-k8s.io', 'localqueues.kueue.x-k8s.io', 'leases.coordination.k8s.io'],
  ...ROUTES.flatMap((route) => [route, route.replace('.', '/status.')]),
];
const CLUSTER_WIDE = ['nodes', 'namespaces', 'persistentvolumes', 'clusterroles.rbac.authorization.k8s.io'];

/** Asks the API server itself, of whom it is, what each account of the chart may. */
describeWithKubernetes("the rights of the chart's accounts", () => {
  let cluster: Cluster;
  let home: string;
  let close: () => Promise<void>;
  const names = () => ({ home, jobs: `${home}-jobs`, routes: `${home}-routes` });

  beforeAll(async () => {
    await toolPath('helm');
    const opened = await openNamespace('rights');
    ({ cluster, namespace: home } = opened);
    const { jobs, routes } = names();
    close = async () => {
      await cluster.kubectl(['delete', '--wait=false', 'namespace', jobs, routes]);
      await opened.close();
    };
    await cluster.kubectl(['create', 'namespace', routes]);
    const set = [`jobs.namespace.name=${jobs}`, `routes.namespaces[0]=${routes}`];
    const all = ['routes.httpRoutes=true', 'routes.kserve=true', 'routes.istio=true'];
    const more = [...set, ...all].flatMap((one) => ['--set', one]);
    const rendered = await helm(['template', 'acme', CHART, '--namespace', home, '--values', FULL, ...more]);
    const wanted = new Set(['Namespace', 'ServiceAccount', 'Role', 'RoleBinding']);
    const manifests = parseAllDocuments(rendered)
      .map((document) => document.toJS() as { kind: string } | null)
      .filter((manifest) => manifest !== null && wanted.has(manifest.kind));
    // The namespace of the jobs first.
    manifests.sort((a, b) => Number(b!.kind === 'Namespace') - Number(a!.kind === 'Namespace'));
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
  }, 15 * MINUTE);
  afterAll(() => close());

  /** Of all verbs on all resources in a namespace, those that the account may. */
  async function allowed(account: string, accountIn: string, namespace: string): Promise<string[]> {
    const questions = [...RESOURCES, ...CLUSTER_WIDE].flatMap((resource) => VERBS.map((verb) => ({ verb, resource })));
    const reviews = questions.map(({ verb, resource }) => {
      const [, name, subresource, group] = /^([a-z]+)(?:\/([a-z]+))?(?:\.(.+))?$/.exec(resource)!;
      const attributes = { namespace, verb, resource: name, subresource: subresource ?? '', group: group ?? '' };
      const user = `system:serviceaccount:${accountIn}:${account}`;
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${accountIn}`, 'system:authenticated'];
      return {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups, resourceAttributes: attributes },
      };
    });
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: reviews });
    const answer = await cluster.kubectl(['create', '-o', 'jsonpath={.status.allowed}{"\\n"}', '-f', '-'], list);
    const answers = answer.trim().split('\n');
    expect(answers).toHaveLength(questions.length);
    return questions
      .filter((_, index) => answers[index] === 'true')
      .map(({ verb, resource }) => `${verb} ${resource}`)
      .sort();
  }

  it.each([
    ['acme-ratchet-control', 'jobs', RUNNER],
    ['acme-ratchet-control', 'routes', on(['get', 'patch'])],
    ['acme-ratchet-control', 'home', []],
    ['acme-ratchet-guardian', 'routes', on(['get', 'list', 'watch', 'patch'])],
    ['acme-ratchet-guardian', 'jobs', []],
    ['acme-ratchet-guardian', 'home', []],
  ] as const)(
    '%s may in the namespace %s what its code calls, and nothing else',
    async (account, where, rights) => {
      expect(await allowed(account, home, names()[where])).toEqual([...rights].sort());
    },
    MINUTE,
  );

  it.each(['jobs', 'routes', 'home'] as const)(
    'a runner may nothing in the namespace %s',
    async (where) => {
      expect(await allowed('ratchet-runner', names().jobs, names()[where])).toEqual([]);
    },
    MINUTE,
  );

  describe('with a token of the account', () => {
    const asked = async (account: string, ...args: string[]): Promise<string> => {
      const token = (await cluster.kubectl(['-n', home, 'create', 'token', account])).trim();
      // A kubeconfig with a certificate would win over the token.
      const { clusters } = parse(readFileSync(cluster.kubeconfig, 'utf8')) as {
        clusters: { cluster: { server: string } }[];
      };
      const { server } = clusters[0]!.cluster;
      const bare = ['--kubeconfig', '/dev/null', '--server', server, '--insecure-skip-tls-verify', '--token', token];
      return cluster.kubectl([...bare, ...args]).catch((error: unknown) => (error as Error).message);
    };

    it(
      'the control plane lists jobs, and is refused secrets, logs and whatever is outside',
      async () => {
        const { jobs } = names();
        expect(await asked('acme-ratchet-control', '-n', jobs, 'get', 'jobs', '-o', 'name')).toBe('');
        expect(await asked('acme-ratchet-control', '-n', jobs, 'get', 'secrets')).toContain('forbidden');
        expect(await asked('acme-ratchet-control', '-n', home, 'get', 'jobs')).toContain('forbidden');
        expect(await asked('acme-ratchet-control', 'get', 'jobs', '--all-namespaces')).toContain('forbidden');
      },
      MINUTE,
    );

    it(
      'the guardian is refused the jobs',
      async () => {
        expect(await asked('acme-ratchet-guardian', '-n', names().jobs, 'get', 'jobs')).toContain('forbidden');
      },
      MINUTE,
    );
  });

  it(
    'the namespace of the jobs takes restricted pods only',
    async () => {
      const pod = (securityContext: object) =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'any' },
          spec: {
            serviceAccountName: 'ratchet-runner',
            containers: [{ name: 'any', image: 'any', securityContext }],
          },
        });
      const make = (securityContext: object) =>
        cluster
          .kubectl(['-n', names().jobs, 'create', '--dry-run=server', '-f', '-'], pod(securityContext))
          .catch((error: unknown) => (error as Error).message);
      expect(await make({})).toContain('violates PodSecurity "restricted:latest"');
      const restricted = { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
      expect(await make({ ...restricted, seccompProfile: { type: 'RuntimeDefault' } })).toContain('pod/any created');
    },
    MINUTE,
  );
});
