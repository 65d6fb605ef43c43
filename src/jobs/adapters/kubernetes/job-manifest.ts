import type { V1Container, V1Job, V1PodSpec, V1Secret, V1Toleration } from '@kubernetes/client-node';
import type { JobsSettings } from '../../settings.js';
import type { AttemptNeeds } from '../../ports.js';
import { ATTEMPT, INSTALL, MANAGED_BY, MODEL } from './object-names.js';

export type ManifestSettings = Pick<
  JobsSettings,
  | 'namespace'
  | 'image'
  | 'imagePullPolicy'
  | 'imagePullSecrets'
  | 'serviceAccount'
  | 'claims'
  | 'runAsUser'
  | 'apiUrl'
  | 'queue'
  | 'ttlSeconds'
  | 'waitSeconds'
  | 'startSeconds'
  | 'maxOutputBytes'
>;

/** Who the object is of. */
export interface ManifestNames {
  readonly install: string;
  /** The object's. */
  readonly name: string;
  /** The attempt's, in full. */
  readonly attempt: string;
}

export const CONTAINER = 'runner';
const TOKEN_FOLDER = '/var/run/ratchet';
const WORK_FOLDER = '/work';
/** What Python, its libraries and the watching process hold beside what the job is allowed. */
const OVERHEAD_BYTES = 512 * 1024 * 1024;
/** Time for the last word after SIGTERM. */
const GRACE_SECONDS = 30;

/**
 * The Job of one attempt. It ends by itself, whatever becomes of us: one pod that is never tried again, bounded in time
 * from its start on a machine and, should it never get one, from its creation. It passes Pod Security `restricted`.
 */
export function jobManifest(names: ManifestNames, needs: AttemptNeeds, settings: ManifestSettings): V1Job {
  const queue = needs.placement?.queue ?? settings.queue ?? null;
  const labels = labelsOf(names, needs.model);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: names.name,
      namespace: settings.namespace,
      labels: { ...labels, ...(queue !== null && { 'kueue.x-k8s.io/queue-name': queue }) },
      annotations: { [ATTEMPT]: names.attempt },
    },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      // Kueue lets it go once there is quota; this clock starts then.
      ...(queue !== null && { suspend: true }),
      activeDeadlineSeconds: Math.ceil(settings.waitSeconds + deadlineOf(needs, settings)),
      ttlSecondsAfterFinished: settings.ttlSeconds,
      podReplacementPolicy: 'Failed',
      // A pod that was driven away is often gone before anybody can ask it why; so the Job keeps the reason.
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
      template: {
        metadata: { labels, annotations: { [ATTEMPT]: names.attempt } },
        spec: podSpec(names, needs, settings),
      },
    },
  };
}

/** The attempt's token, which goes when its Job goes. */
export function secretManifest(
  names: ManifestNames,
  namespace: string,
  owner: { readonly uid: string },
  token: string,
): V1Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: names.name,
      namespace,
      labels: { [MANAGED_BY]: 'ratchet', [INSTALL]: names.install, [ATTEMPT]: names.name },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: names.name, uid: owner.uid }],
    },
    type: 'Opaque',
    immutable: true,
    stringData: { token },
  };
}

function podSpec(names: ManifestNames, needs: AttemptNeeds, settings: ManifestSettings): V1PodSpec {
  const { placement } = needs;
  const secrets = settings.imagePullSecrets.split(',').flatMap((text) => (text.trim() === '' ? [] : [text.trim()]));
  const { runAsUser } = settings;
  return {
    restartPolicy: 'Never',
    activeDeadlineSeconds: Math.ceil(deadlineOf(needs, settings)),
    terminationGracePeriodSeconds: GRACE_SECONDS,
    serviceAccountName: settings.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser,
      runAsGroup: runAsUser,
      fsGroup: runAsUser,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(secrets.length > 0 && { imagePullSecrets: secrets.map((name) => ({ name })) }),
    ...(placement !== null &&
      Object.keys(placement.nodeSelector).length > 0 && { nodeSelector: placement.nodeSelector }),
    ...(placement !== null && { tolerations: placement.tolerations.map((each): V1Toleration => ({ ...each })) }),
    ...(placement?.priorityClass != null && { priorityClassName: placement.priorityClass }),
    containers: [container(names, needs, settings)],
    volumes: [
      { name: 'work', emptyDir: { sizeLimit: String(2 * settings.maxOutputBytes) } },
      { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
      { name: 'token', secret: { secretName: names.name, defaultMode: 0o440 } },
      ...settings.claims.map(({ name }, index) => ({
        name: `claim-${index}`,
        persistentVolumeClaim: { claimName: name, readOnly: true },
      })),
    ],
  };
}

function container(names: ManifestNames, needs: AttemptNeeds, settings: ManifestSettings): V1Container {
  const threads = String(needs.threads);
  const memory = String(needs.maxRssBytes + OVERHEAD_BYTES);
  return {
    name: CONTAINER,
    image: settings.image ?? '',
    imagePullPolicy: settings.imagePullPolicy,
    // The image's own entry point runs `ratchet_runners`, wherever its Python is.
    args: [
      'remote',
      ...['--api', settings.apiUrl ?? '', '--attempt', names.attempt],
      ...['--token-file', `${TOKEN_FOLDER}/token`, '--work', `${WORK_FOLDER}/attempt`],
    ],
    // Nothing secret; the token is in a file.
    env: [
      { name: 'HOME', value: WORK_FOLDER },
      { name: 'TMPDIR', value: '/tmp' },
      { name: 'PYTHONUNBUFFERED', value: '1' },
      { name: 'PYTHONDONTWRITEBYTECODE', value: '1' },
      ...['OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'].map((name) => ({ name, value: threads })),
      { name: 'OMP_WAIT_POLICY', value: 'PASSIVE' },
    ],
    resources: {
      // Half a core a thread is enough to be placed; what is asked for of memory is what may be held.
      requests: { cpu: `${needs.threads * 500}m`, memory },
      limits: { cpu: threads, memory, ...(needs.gpus > 0 && { 'nvidia.com/gpu': String(needs.gpus) }) },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'work', mountPath: WORK_FOLDER },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'token', mountPath: TOKEN_FOLDER, readOnly: true },
      ...settings.claims.map(({ path }, index) => ({ name: `claim-${index}`, mountPath: path, readOnly: true })),
    ],
  };
}

/** From the moment a machine took it: fetching the image, the run itself, and a last word. */
function deadlineOf(needs: AttemptNeeds, settings: ManifestSettings): number {
  return settings.startSeconds + needs.wallSeconds + 2 * GRACE_SECONDS;
}

function labelsOf(names: ManifestNames, model: string): Record<string, string> {
  return {
    [MANAGED_BY]: 'ratchet',
    'app.kubernetes.io/name': 'ratchet-runner',
    'app.kubernetes.io/component': 'runner',
    [INSTALL]: names.install,
    [ATTEMPT]: names.name,
    ...(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(model) && { [MODEL]: model }),
  };
}
