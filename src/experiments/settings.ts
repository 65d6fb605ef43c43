import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const experimentsSettings = settingsGroup(
  'experiments',
  z.object({
    labelGraceSeconds: z.coerce
      .number()
      .min(0)
      .default(15)
      .describe('How old a mirrored request without a label must be before the reference judges it in the label’s place.'),
    referenceBatch: z.coerce.number().int().min(1).default(128).describe('Requests the reference judges in one pass.'),
  }),
);
export type ExperimentsSettings = SettingsOf<typeof experimentsSettings>;
