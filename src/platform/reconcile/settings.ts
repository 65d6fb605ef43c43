import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../config/index.js';

export const reconcileSettings = settingsGroup(
  'reconcile',
  z.object({
    pollMs: z.coerce
      .number()
      .int()
      .min(10)
      .default(100)
      .describe('How often the work queue and the outbox look for due work.'),
    concurrency: z.coerce
      .number()
      .int()
      .min(1)
      .default(6)
      .describe('Passes that run at the same time in this process.'),
    leaseSeconds: z.coerce
      .number()
      .min(1)
      .default(10)
      .describe('A pass whose process died is taken over after this time; running passes renew it.'),
    retryBaseMs: z.coerce
      .number()
      .int()
      .min(1)
      .default(250)
      .describe('Delay after the first failed pass; doubles with each.'),
    retryMaxMs: z.coerce.number().int().min(1).default(30_000).describe('Largest delay between failed passes.'),
  }),
);
export type ReconcileSettings = SettingsOf<typeof reconcileSettings>;
