import { z } from 'zod';

/** A last look at the log, in characters. */
const LOG_TAIL = 16_384;

/** PostgreSQL keeps neither NUL nor half a character. */
const text = (most: number) =>
  z
    .string()
    .max(most)
    .transform((said) => Buffer.from(said, 'utf8').toString('utf8').replaceAll('\0', '\uFFFD'));
const bytes = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const AttemptHeartbeat = z
  .strictObject({
    progress: z
      .strictObject({
        step: text(200).describe('Recipe step that runs.'),
        fraction: z.number().min(0).max(1).describe('Share of the whole job that is done.'),
        message: text(2000),
      })
      .optional(),
    logTail: text(LOG_TAIL).optional().describe('The newest end of the log; replaces the one before.'),
    outputBytes: bytes.optional().describe('What the attempt has written so far, on its own disk.'),
  })
  .meta({ id: 'AttemptHeartbeat' });

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits');

export const AttemptFile = z
  .strictObject({
    digest,
    sizeBytes: bytes.describe('Of all parts together.'),
    parts: z.array(digest).min(1).max(256).describe('What the file is put together from, in this order.'),
  })
  .meta({ id: 'AttemptFile' });

export const AttemptEnd = z
  .strictObject({
    exitCode: z.int().min(0).max(255).describe('gpu-runners/README.md says what each means.'),
    error: z
      .strictObject({ code: text(100), message: text(4000), faults: z.array(text(4000)).max(200).default([]) })
      .nullable()
      .default(null)
      .describe('`error.json`, where the attempt left one.'),
  })
  .meta({ id: 'AttemptEnd' });
