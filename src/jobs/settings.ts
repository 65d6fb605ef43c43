import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

/** A DNS label, as names of Kubernetes objects and label values may be. */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const jobsSettings = settingsGroup(
  'jobs',
  z
    .object({
      workFolder: z
        .string()
        .min(1)
        .default('.ratchet/jobs')
        .describe('Folder of the local process runner: one folder an attempt.'),
      python: z.string().min(1).default('.venv/bin/python').describe('Python that has the runner package.'),
      path: z
        .string()
        .default('/usr/local/bin:/usr/bin:/bin')
        .describe('PATH of runner processes; nothing else of the environment reaches them.'),
      maxConcurrent: z.coerce.number().int().min(1).default(1).describe('Jobs that run at the same time.'),
      silenceSeconds: z.coerce
        .number()
        .min(1)
        .default(60)
        .describe('A runner without a sign of life for so long is stopped and tried again.'),
      backoffSeconds: z.coerce
        .number()
        .min(0)
        .default(2)
        .describe('Pause before the second attempt; doubles with each.'),
      maxBackoffSeconds: z.coerce.number().min(0).default(300).describe('Longest pause between attempts.'),
      maxOutputBytes: z.coerce
        .number()
        .int()
        .min(1)
        .default(4_000_000_000)
        .describe('What one attempt may write, logs included, before it is stopped.'),
      stopGraceSeconds: z.coerce.number().min(0).default(5).describe('Time between SIGTERM and SIGKILL.'),
      sampleWaitSeconds: z.coerce
        .number()
        .min(0)
        .default(600)
        .describe('How long a job waits for enough samples before it fails.'),
      observeMs: z.coerce.number().int().min(10).default(500).describe('How often a running job is looked at.'),
      sweepSeconds: z.coerce.number().min(1).default(60).describe('How often orphaned attempts are looked for.'),
      keepHours: z.coerce
        .number()
        .min(1)
        .default(168)
        .describe('How long the folder of an attempt that ended is kept; its results are kept elsewhere.'),
      maxGpus: z.coerce
        .number()
        .int()
        .min(0)
        .optional()
        .describe(
          'GPUs that running jobs may have together; a job that finds none free waits. Unset: no bound of ours.',
        ),
      maxDisruptions: z.coerce
        .number()
        .int()
        .min(0)
        .default(20)
        .describe('So many preempted or evicted attempts cost a job none of its attempts.'),
      waitSeconds: z.coerce
        .number()
        .min(1)
        .default(86_400)
        .describe('How long an attempt may wait for a queue’s quota or for a machine with room.'),
      startSeconds: z.coerce
        .number()
        .min(1)
        .default(900)
        .describe('How long an attempt that has a machine may take to begin; fetching its image is part of it.'),
      runner: z
        .enum(['process', 'kubernetes'])
        .default('process')
        .describe('What runs attempts: processes of this machine, or Jobs of a Kubernetes cluster.'),
      namespace: z
        .string()
        .regex(LABEL)
        .default('ratchet-jobs')
        .describe('Kubernetes namespace of the Jobs; nothing else should live in it.'),
      image: z.string().min(1).optional().describe('Runner image of the Jobs, best by digest.'),
      imagePullPolicy: z
        .enum(['IfNotPresent', 'Always', 'Never'])
        .default('IfNotPresent')
        .describe('As in Kubernetes.'),
      imagePullSecrets: z
        .string()
        .default('')
        .describe('Secrets to fetch the image with, separated by commas; they lie in the namespace.'),
      serviceAccount: z
        .string()
        .min(1)
        .default('ratchet-runner')
        .describe('Account of the runner pods. It needs no rights, and the pods get no token for it.'),
      claims: z
        .string()
        .default('')
        .transform((text, context) => claimsOf(text, (message) => context.addIssue({ code: 'custom', message })))
        .describe(
          'PersistentVolumeClaims of the namespace that runner pods mount read-only, as `name:/path`, separated by commas: a shared cache, say.',
        ),
      runAsUser: z.coerce.number().int().min(1).default(10_001).describe('User and group of the runner pods.'),
      apiUrl: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('Where runner pods reach this API, e.g. `http://ratchet.ratchet:8080`.'),
      queue: z
        .string()
        .regex(LABEL)
        .optional()
        .describe('Kueue’s LocalQueue for jobs whose model names none. Unset: Jobs start at once.'),
      ttlSeconds: z.coerce
        .number()
        .int()
        .min(0)
        .default(3600)
        .describe('A finished Job that nobody fetched is removed by Kubernetes after so long.'),
      install: z
        .string()
        .regex(LABEL)
        .optional()
        .describe(
          'Name of this installation on what it creates in the cluster. Unset: an id in the database. Set it where a copy of the database is used beside the original.',
        ),
    })
    .superRefine((settings, context) => {
      if (settings.runner !== 'kubernetes') return;
      for (const needed of ['image', 'apiUrl'] as const)
        if (settings[needed] === undefined)
          context.addIssue({ code: 'custom', path: [needed], message: 'must be given for jobs on Kubernetes' });
    }),
);
export type JobsSettings = SettingsOf<typeof jobsSettings>;

interface Claim {
  readonly name: string;
  readonly path: string;
}

function claimsOf(text: string, fault: (message: string) => void): readonly Claim[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [, name, path] = /^([a-z0-9][-a-z0-9.]{0,252}):(\/[^:,\s]+)$/.exec(part) ?? [];
      if (name !== undefined && path !== undefined) return [{ name, path }];
      fault(`must be name:/path, not "${part}"`);
      return [];
    });
}
