import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const candidatesSettings = settingsGroup(
  'candidates',
  z.object({
    maxRssBytes: z.coerce
      .number()
      .int()
      .min(100_000_000)
      .default(2_000_000_000)
      .describe('Memory of the evaluating process, beyond which it is killed and the candidate refused.'),
    wallSeconds: z.coerce.number().min(1).default(120).describe('Time of one evaluation, beyond which it is killed.'),
    latencyRounds: z.coerce
      .number()
      .int()
      .min(30)
      .default(40)
      .describe('Interleaved rounds of the latency measurement.'),
    latencyCalls: z.coerce
      .number()
      .int()
      .min(1)
      .default(20)
      .describe('Calls a version and round; slow models get fewer.'),
    maxRows: z.coerce.number().int().min(32).default(4096).describe('Held-out rows that are looked at, spread evenly.'),
    maxTries: z.coerce
      .number()
      .int()
      .min(1)
      .default(5)
      .describe('Evaluations that are begun for one candidate before it is refused.'),
    sampleWaitSeconds: z.coerce
      .number()
      .min(0)
      .default(600)
      .describe('How long a candidate waits for held-out samples before it is refused.'),
  }),
);
export type CandidatesSettings = SettingsOf<typeof candidatesSettings>;
