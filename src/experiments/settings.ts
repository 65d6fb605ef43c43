import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const experimentsSettings = settingsGroup(
  'experiments',
  z.object({
    unlabelledAfterSeconds: z.coerce
      .number()
      .min(0)
      .default(5)
      .describe('A pair without a label is judged by the reference after so many seconds (at most the label wait).'),
    rescoreBatch: z.coerce
      .number()
      .int()
      .min(1)
      .default(256)
      .describe('Largest number of pairs that the reference is asked about in one pass.'),
    windowSettleSeconds: z.coerce
      .number()
      .min(0)
      .default(3)
      .describe('A live experiment counts a window so many seconds after its end; what comes later counts nothing.'),
    passMs: z.coerce
      .number()
      .int()
      .min(50)
      .default(500)
      .describe('Milliseconds between two passes over one experiment.'),
  }),
);

export type ExperimentsSettings = SettingsOf<typeof experimentsSettings>;
