import { z } from 'zod';
import type { Digest } from '../../../kernel/index.js';
import type { JobProgress } from '../../domain/job.js';
import type { RunnerReport } from '../../domain/report.js';

const digest = z.custom<Digest>(
  (value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value),
  'must be sha256: and 64 hexadecimal digits',
);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);
const count = z.int().min(0);
const figures = z.record(z.string(), z.number().nullable());

const split = z
  .strictObject({
    by: z.enum(['request', 'entity', 'time']),
    ...{ train: count, select: count, heldBack: count, entities: count.nullable().default(null) },
  })
  .nullable()
  .optional();
const step = z.strictObject({
  technique: z.string(),
  version: z.int().min(1),
  config: z.record(z.string(), z.unknown()),
  seconds: z.number().min(0),
  expectedSeconds: z.number().min(0).nullable().optional(),
  output: digest.nullable().optional(),
  resumed: z.boolean().optional(),
  figures: figures.default({}),
  notes: z.array(z.string()).default([]),
});
const plannedSchema = z.strictObject({
  name,
  objections: z.array(z.string()),
  seconds: z.number().min(0),
  peakBytes: count,
  sizeRatio: z.number().min(0),
  latencyRatio: z.number().min(0),
});

/** `gpu-runners/schemas/report.v1.json`; the golden files beside it are parsed by the tests of both sides. */
export const reportSchema = z.strictObject({
  schema: z.literal('ratchet.dev/report/v1'),
  job: name,
  attempt: name,
  outcome: z.enum(['candidate', 'no-candidate']),
  reasons: z.array(z.string()),
  artifacts: z
    .array(
      z.strictObject({
        file: z.string().min(1).max(255),
        digest,
        kind: z.enum(['compressed', 'reference']),
        parent: digest,
        sizeBytes: count,
      }),
    )
    .max(64),
  read: z.strictObject({ reference: digest, champion: digest.nullable(), train: digest }),
  data: z.strictObject({ digest, requested: count, used: count, labelled: count, replay: count, split }),
  figures,
  steps: z.array(step),
  versions: z.record(z.string(), z.string()),
  seed: z.int(),
  command: z.string(),
  wallSeconds: z.number().min(0),
  peakRssBytes: count,
  alternatives: z
    .array(
      z.strictObject({
        name,
        outcome: z.enum(['chosen', 'eligible', 'rejected', 'refused', 'failed', 'skipped']),
        reasons: z.array(z.string()),
        figures: figures.default({}),
        digest: digest.nullable().default(null),
        sizeBytes: count.nullable().default(null),
        pareto: z.boolean().default(false),
        seconds: z.number().min(0),
        steps: z.array(step).default([]),
      }),
    )
    .max(64)
    .optional(),
  evaluation: z.record(z.string(), z.unknown()).nullable().optional(),
  plan: z.array(plannedSchema).max(256).optional(),
  hardware: z.string().nullable().optional(),
  objectives: z.record(z.string(), z.unknown()).nullable().optional(),
}) satisfies z.ZodType<RunnerReport>;

/** `gpu-runners/schemas/progress.v1.json`: one line of `progress.jsonl`. */
export const progressSchema = z
  .object({
    at: z.string().transform((text, context) => {
      const at = new Date(text);
      if (Number.isNaN(at.getTime())) context.addIssue({ code: 'custom', message: 'is no time' });
      return at;
    }),
    step: z.string().max(200),
    fraction: z.number().min(0).max(1),
    message: z.string().max(2000),
    remainingSeconds: z.number().nullable(),
  })
  .transform(({ at, step, fraction, message }): { at: Date; progress: JobProgress } => ({
    at,
    progress: { step, fraction, message },
  }));

/** `gpu-runners/schemas/error.v1.json`: what is left when there is no report. */
export const errorSchema = z
  .object({ code: z.string().max(100), message: z.string().max(4000), faults: z.array(z.string()).default([]) })
  .transform(({ message, faults }) => [message, ...faults.slice(0, 20)].join('; '));
