import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const telemetrySettings = settingsGroup(
  'telemetry',
  z.object({
    partition: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Number of this process among those that take telemetry themselves; each needs its own.'),
    flushMs: z.coerce
      .number()
      .int()
      .min(10)
      .default(250)
      .describe('Longest time an answer waits in memory to be written.'),
    batchEntries: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(500)
      .describe('Entries written in one transaction.'),
    bufferEntries: z.coerce
      .number()
      .int()
      .min(1)
      .default(20_000)
      .describe('Entries kept in memory while the database does not keep up; what comes on top is shed and counted.'),
    bufferBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .default(128 * 1024 * 1024)
      .describe('Bytes of the same, raw inputs included.'),
    samplesPerSecond: z.coerce.number().min(0).default(200).describe('Raw inputs kept a second and model at most.'),
    maxBodyBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .max(16 * 1024 * 1024)
      .default(4 * 1024 * 1024)
      .describe('Largest body of `POST /api/v1/telemetry/events`; larger ones become a dead letter.'),
    windowRetentionSeconds: z.coerce
      .number()
      .min(60)
      .default(30 * 86_400)
      .describe('How long windows are kept.'),
    deadLetterRows: z.coerce.number().int().min(1).default(10_000).describe('Dead letters kept; the oldest go first.'),
    sweepSeconds: z.coerce.number().min(1).default(30).describe('How often what is too old is removed.'),
  }),
);
export type TelemetrySettings = SettingsOf<typeof telemetrySettings>;
