import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const monitorsSettings = settingsGroup(
  'monitors',
  z.object({
    passMs: z.coerce.number().int().min(50).default(1000).describe('How often a model is looked at.'),
    baselineSeconds: z.coerce
      .number()
      .min(1)
      .default(60)
      .describe('Windows so long before a promotion count for the baseline of the promoted version.'),
    windowGraceMs: z.coerce
      .number()
      .int()
      .min(0)
      .default(1500)
      .describe('A window is looked at so long after its end.'),
    rescoreDays: z.coerce.number().min(1).default(7).describe('Re-scored answers older than this are dropped.'),
  }),
);
export type MonitorsSettings = SettingsOf<typeof monitorsSettings>;
