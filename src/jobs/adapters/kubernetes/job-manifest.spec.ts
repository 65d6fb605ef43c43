import { describe, expect, it } from '@jest/globals';
import { jobsSettings } from '../../settings.js';
import type { AttemptNeeds } from '../../ports.js';
import { jobManifest, secretManifest } from './job-manifest.js';

const NAMES = { install: 'here', name: 'digits-t1-job-a1-0123456789', attempt: 'digits-t1-job-a1' };
const NEEDS: AttemptNeeds = {
  ...{ model: 'digits', gpus: 0, placement: null, wallSeconds: 600, maxRssBytes: 2e9, threads: 2 },
};
const settings = (over: object = {}) =>
  jobsSettings.schema.parse({ runner: 'kubernetes', image: 'r@sha256:1', apiUrl: 'http://ratchet:8080', ...over });
const podOf = (needs: Partial<AttemptNeeds> = {}, over: object = {}) =>
  jobManifest(NAMES, { ...NEEDS, ...needs }, settings(over)).spec!.template.spec!;

describe('the Job of an attempt', () => {
  it('runs once, is bounded in time whatever becomes of us, and is removed after its end', () => {
    const { spec } = jobManifest(NAMES, NEEDS, settings({ startSeconds: 100, waitSeconds: 1000 }));
    expect(spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 3600, activeDeadlineSeconds: 1760 });
    expect(spec?.template.spec).toMatchObject({ restartPolicy: 'Never', activeDeadlineSeconds: 760 });
    expect(spec?.suspend).toBeUndefined();
  });

  it('asks for what the attempt may hold', () => {
    expect(podOf({ gpus: 1 }).containers[0]!.resources).toEqual({
      requests: { cpu: '1000m', memory: String(2e9 + 512 * 1024 * 1024) },
      limits: { cpu: '2', memory: String(2e9 + 512 * 1024 * 1024), 'nvidia.com/gpu': '1' },
    });
    expect(podOf().containers[0]!.resources!.limits).not.toHaveProperty('nvidia.com/gpu');
  });

  it('goes where its model says', () => {
    const tolerations = [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }] as const;
    const placement = { nodeSelector: { pool: 'gpu' }, tolerations, priorityClass: 'low', queue: null };
    expect(podOf({ placement })).toMatchObject({
      ...{ nodeSelector: { pool: 'gpu' }, tolerations, priorityClassName: 'low' },
    });
  });

  it.each([
    ['the installation’s queue', null, 'all', 'all'],
    ['the model’s queue', 'mine', 'all', 'mine'],
    ['no queue', null, undefined, undefined],
  ])('waits for %s', (_name, queue, installations, expected) => {
    const placement = { nodeSelector: {}, tolerations: [], priorityClass: null, queue };
    const manifest = jobManifest(NAMES, { ...NEEDS, placement }, settings({ queue: installations }));
    expect(manifest.metadata?.labels?.['kueue.x-k8s.io/queue-name']).toBe(expected);
    expect(manifest.spec?.suspend).toBe(expected === undefined ? undefined : true);
  });

  it('tells the runner where its token lies, and the token to nobody', () => {
    const manifest = JSON.stringify(jobManifest(NAMES, NEEDS, settings()));
    expect(podOf().containers[0]!.args).toEqual([
      'remote',
      ...['--api', 'http://ratchet:8080', '--attempt', 'digits-t1-job-a1'],
      ...['--token-file', '/var/run/ratchet/token', '--work', '/work/attempt'],
    ]);
    expect(manifest).not.toMatch(/ra_/);
    const secret = secretManifest(NAMES, 'jobs', { uid: 'u' }, 'ra_x');
    expect(secret).toMatchObject({ stringData: { token: 'ra_x' }, metadata: { ownerReferences: [{ uid: 'u' }] } });
  });

  it('mounts claims that are named, only to read', () => {
    const pod = podOf({}, { claims: 'cache:/var/cache/models, tools:/opt/tools' });
    expect(pod.volumes).toContainEqual({
      name: 'claim-1',
      persistentVolumeClaim: { claimName: 'tools', readOnly: true },
    });
    expect(pod.containers[0]!.volumeMounts).toContainEqual({
      name: 'claim-1',
      mountPath: '/opt/tools',
      readOnly: true,
    });
    const broken = jobsSettings.schema.safeParse({ claims: 'cache' });
    expect(broken.error?.issues.map(({ path, message }) => [path[0], message])).toEqual([
      ['claims', 'must be name:/path, not "cache"'],
    ]);
  });

  it('leaves out of its labels what cannot be one', () => {
    const labels = (model: string) => jobManifest(NAMES, { ...NEEDS, model }, settings()).metadata!.labels!;
    expect(labels('digits')['ratchet.dev/model']).toBe('digits');
    expect(labels('d'.repeat(64))).not.toHaveProperty('ratchet.dev/model');
  });

  it('jobs on Kubernetes need an image and an address to speak to', () => {
    const parsed = jobsSettings.schema.safeParse({ runner: 'kubernetes' });
    expect(parsed.error?.issues.map((issue) => issue.path[0])).toEqual(['image', 'apiUrl']);
  });
});
