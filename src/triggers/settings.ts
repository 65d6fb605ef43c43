import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const triggersSettings = settingsGroup(
  'triggers',
  z.object({
    passMs: z.coerce.number().int().min(50).default(1000).describe('How often the findings of a model are judged.'),
  }),
);
export type TriggersSettings = SettingsOf<typeof triggersSettings>;
