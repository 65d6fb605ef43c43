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
      .default(5000)
      .describe(
        'A window is judged once, so long after its end: the gateway tells every 2 s what it served, then it is written and read. What comes later is counted, not judged.',
      ),
    leastShift: z.coerce
      .number()
      .min(0)
      .max(0.5)
      .default(0.05)
      .describe('Least drift that counts: move of a mean rank (0..1); half of it for the share of a bin or class.'),
    encoderModelPath: z
      .string()
      .default('')
      .describe('ONNX file of a BERT-like encoder, for the distance of texts; empty = that monitor is undecided.'),
    encoderVocabularyPath: z.string().default('').describe('WordPiece vocabulary of that encoder, one token a line.'),
    encoderTokens: z.coerce.number().int().min(8).max(512).default(256).describe('Texts are cut to so many tokens.'),
    rescoreDays: z.coerce.number().min(1).default(7).describe('Re-scored answers older than this are dropped.'),
  }),
);
export type MonitorsSettings = SettingsOf<typeof monitorsSettings>;
