import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const jobsSettings = settingsGroup(
  'jobs',
  z.object({
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
    backoffSeconds: z.coerce.number().min(0).default(2).describe('Pause before the second attempt; doubles with each.'),
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
  }),
);
export type JobsSettings = SettingsOf<typeof jobsSettings>;
