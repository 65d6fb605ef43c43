import { z } from 'zod';
import { type Digest, isDigest } from '../../../kernel/index.js';
import { falseAlarmEvery } from '../../domain/false-alarm-contract.js';
import { type ModelSpec, SUMMARY_FEATURES } from '../../domain/model.js';
import { knownTimeZone, longerThanShort, notEmpty, shape } from './document-rules.js';
import { count, fraction, kubernetesName, seconds } from './document-values.js';
import { Rollout } from './rollout-document.js';

const positiveFraction = z.number().gt(0).max(1);

/** `sha256:<64 hex digits>` */
export const DigestText = z.string().refine((text): text is Digest => isDigest(text), 'must be sha256:<64 hex digits>');

const Tensor = z.strictObject({
  name: z.string().min(1).max(200),
  datatype: z.literal('FP32').default('FP32'),
  shape: z.array(z.int()).min(2).max(8).superRefine(shape).describe('The batch first, as -1, e.g. [-1, 1, 28, 28].'),
});

const Task = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('classification'), classes: z.int().min(2).max(100_000) }),
  z.strictObject({ kind: z.literal('regression') }),
  z.strictObject({ kind: z.literal('series'), steps: z.int().min(2).max(100_000) }),
  z.strictObject({ kind: z.literal('text') }),
]);

const Objectives = z.strictObject({
  qualityBudget: z
    .strictObject({
      metric: z.literal('accuracy').default('accuracy'),
      maxLoss: fraction.default(0.01).describe('Largest loss against the reference; 0.01 is one point.'),
    })
    .prefault({}),
  minAgreement: fraction.default(0.95).describe('Least share of answers equal to the reference’s.'),
  maxSizeRatio: positiveFraction.default(0.5).describe('Largest size as a share of the reference’s bytes.'),
  minSpeedup: z.number().positive().max(1000).default(1).describe('Least speed as a multiple of the reference’s.'),
  latencyP95Ms: z.number().positive().max(3_600_000).default(250).describe('Ceiling of the served p95 latency.'),
  maxErrorRatio: fraction.default(0.01),
  maxCostPerThousand: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('Ceiling of what a thousand requests may cost, in the currency of monitors.cost.'),
});

const featureName = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ . -');

const Telemetry = z.strictObject({
  windowSeconds: seconds.default(60).describe('Length of one telemetry window.'),
  maxLatenessSeconds: seconds.default(60),
  features: z
    .array(featureName)
    .min(1)
    .max(64)
    .default([...SUMMARY_FEATURES])
    .describe(
      `Features that windows keep a histogram of: ${SUMMARY_FEATURES.join(', ')} (computed by the gateway), names of columns, projection.<i>, or what the senders of events compute.`,
    ),
  columns: z.array(featureName).max(4_096).default([]).describe('Names of the numbers of one input row, in order.'),
  projection: z
    .strictObject({ dimensions: z.int().min(1).max(32), seed: z.int().min(0).max(0xffff_ffff).default(0) })
    .nullable()
    .default(null)
    .describe('Random projection of the input row, for joint drift of inputs that are too large to log.'),
  sampling: z.boolean().default(true).describe('Whether raw inputs may be kept.'),
  redact: z.array(featureName).max(4_096).default([]).describe('Features and columns that are never stored.'),
  sampleRows: count.default(4_000).describe('Bound of the raw-input sample.'),
  sampleBytes: z
    .int()
    .min(1_024)
    .max(1024 ** 4)
    .default(256 * 1024 ** 2)
    .describe('The same in bytes.'),
  sampleSeconds: seconds.default(86_400),
  labelWaitSeconds: seconds.default(86_400),
  answersPerSecond: z
    .number()
    .positive()
    .max(1_000_000)
    .default(2_000)
    .describe('Answers a second kept one by one for labels and pairs; windows count every event.'),
});

const BurnRate = z
  .strictObject({
    longSeconds: seconds,
    shortSeconds: seconds,
    factor: z.number().positive().max(1_000),
  })
  .superRefine(longerThanShort);

const Monitors = z.strictObject({
  falseAlarmEvery: z
    .number()
    .min(100)
    .max(1e12)
    .optional()
    .describe('At most one false alarm a monitor in so many answers; 100,000 unless contract says more.'),
  contract: z
    .strictObject({
      most: z.number().positive().max(1_000).default(1),
      days: z.number().positive().max(3_660).default(90),
      answersPerDay: z.number().positive().max(1e10).describe('Answers that are scored a day, at most.'),
    })
    .nullable()
    .default(null)
    .describe(
      'At most so many false alarms expected in so many days at this traffic; takes the place of falseAlarmEvery.',
    ),
  accuracyTolerance: fraction.default(0.01),
  agreementTolerance: fraction.default(0.01),
  errorTolerance: z.number().min(0).max(10).default(0.1).describe('Share by which a mean error may rise.'),
  minimumSamples: count.default(200),
  rescoreBatch: count.default(256),
  minimumCoverage: fraction.default(0.95).describe('Least share of served requests that telemetry must have seen.'),
  burnRates: z
    .array(BurnRate)
    .max(8)
    .default([
      { longSeconds: 3_600, shortSeconds: 300, factor: 14.4 },
      { longSeconds: 21_600, shortSeconds: 1_800, factor: 6 },
    ]),
  cost: z
    .strictObject({ perHour: z.number().positive(), currency: z.string().min(1).max(10).default('USD') })
    .nullable()
    .default(null)
    .describe('What serving this model costs an hour.'),
});

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM');

const QuietHours = z
  .strictObject({
    from: timeOfDay,
    until: timeOfDay,
    days: z
      .array(z.int().min(0).max(6))
      .min(1)
      .max(7)
      .default([0, 1, 2, 3, 4, 5, 6])
      .describe('Days on which it begins, 0 = Sunday.'),
    timeZone: z.string().refine(knownTimeZone, 'must be an IANA time zone such as Europe/Berlin').default('UTC'),
  })
  .superRefine(notEmpty);

const Triggers = z.strictObject({
  coolDownSeconds: z
    .number()
    .min(0)
    .max(366 * 86_400)
    .default(3_600),
  minimumSamples: count.default(500),
  minimumLabelled: count.default(500),
  runnerSecondsPerDay: z
    .number()
    .positive()
    .max(86_400 * 100)
    .default(14_400),
  gpuSecondsPerDay: z
    .number()
    .min(0)
    .max(86_400 * 1_000)
    .default(14_400)
    .describe('GPU seconds that triggers may spend in 24 hours.'),
  quietHours: z.array(QuietHours).max(20).default([]).describe('Times in which no trigger is opened.'),
  learnFromOutcomes: z.boolean().default(true).describe('Whether past outcomes may change the order of remedies.'),
  ladders: z
    .record(z.string(), z.array(z.string().min(1).max(100)).min(1).max(10))
    .default({})
    .describe('Recipes for a cause in your own order, in the place of the built-in ladder.'),
  dryRun: z.boolean().default(false),
});

const Jobs = z.strictObject({
  wallSeconds: seconds.default(1_800),
  maxRssBytes: z
    .int()
    .min(64 * 1024 ** 2)
    .max(Number.MAX_SAFE_INTEGER)
    .default(4 * 1024 ** 3),
  threads: z.int().min(1).max(256).default(1),
  maxAttempts: z.int().min(1).max(10).default(2),
  gpus: z.int().min(0).max(64).default(0).describe('GPUs of each attempt (nvidia.com/gpu on Kubernetes).'),
  placement: z
    .strictObject({
      nodeSelector: z.record(z.string().max(317), z.string().max(63)).default({}),
      tolerations: z
        .array(
          z.strictObject({
            key: z.string().min(1).max(317),
            operator: z.enum(['Exists', 'Equal']).default('Equal'),
            value: z.string().max(63).exactOptional(),
            effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).exactOptional(),
          }),
        )
        .max(20)
        .default([]),
      priorityClass: kubernetesName.nullable().default(null),
      queue: kubernetesName.nullable().default(null).describe('Kueue’s LocalQueue; null: the installation’s.'),
    })
    .prefault({})
    .describe('Where attempts may run on Kubernetes.'),
});

const Experiment = z.strictObject({
  margin: fraction
    .optional()
    .describe('Largest loss against the champion that counts as no worse; by default the whole quality budget.'),
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  mirrorFraction: positiveFraction.default(0.2),
  maxSamples: count.default(20_000),
  maxSeconds: seconds.default(86_400),
  mode: z
    .enum(['shadow', 'live'])
    .default('shadow')
    .describe('shadow: the candidate answers nobody; live: it answers a share of the request keys.'),
  liveWeight: z.number().gt(0).max(50).default(50).describe('Live: percent of the request keys for the candidate.'),
  errors: z
    .strictObject({
      maxRatio: z.number().gt(0).max(100).default(1),
      maxAdded: fraction.default(0.01),
      weight: z.number().gt(0).max(100).default(1),
    })
    .nullable()
    .prefault({})
    .describe('Live: the error ratio stays below maxRatio times the champion’s plus maxAdded; null = not asked.'),
  latency: z
    .strictObject({
      quantile: z.union([z.literal(0.95), z.literal(0.99)]).default(0.95),
      maxRatio: z.number().gt(0).max(100).default(1.2),
      maxAddedMs: z.number().min(0).max(1e6).default(0),
      weight: z.number().gt(0).max(100).default(1),
    })
    .nullable()
    .prefault({})
    .describe('Live: the quantile stays below maxRatio times the champion’s plus maxAddedMs; null = not asked.'),
  qualityWeight: z.number().gt(0).max(100).default(2).describe('Quality’s part of alpha beside the weights above.'),
});

const Reference = z.strictObject({
  digest: DigestText.describe('The uploaded artifact; `ratchet apply` puts it in place of `artifact: <file>`.'),
  evaluation: z.strictObject({ accuracy: fraction, samples: count }).exactOptional(),
});

/** Everything of a model but its name. What is not said has a default; a misspelt field is a fault. */
export const SpecSchema = z.strictObject({
  task: Task,
  input: Tensor,
  output: Tensor,
  reference: Reference,
  objectives: Objectives.prefault({}),
  telemetry: Telemetry.prefault({}),
  monitors: Monitors.prefault({}),
  triggers: Triggers.prefault({}),
  jobs: Jobs.prefault({}),
  experiment: Experiment.prefault({}),
  rollout: Rollout.prefault({}),
  promotion: z.strictObject({ approval: z.enum(['auto', 'manual']).default('auto') }).prefault({}),
});

/** A DNS-1123 label, because names end up in file names, metrics and Kubernetes objects. */
export const ModelName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'must be a DNS-1123 label: lower-case letters, digits and "-", at most 63',
  );

/** A model document as it is written. */
export const DocumentSchema = z
  .strictObject({
    apiVersion: z.literal('ratchet.dev/v1alpha1'),
    kind: z.literal('Model'),
    metadata: z.strictObject({ name: ModelName }),
    spec: SpecSchema,
  })
  .meta({ id: 'ModelDocument' });

export type DocumentSpec = z.output<typeof SpecSchema>;

/** The spec with the defaults that depend on other fields filled in. */
export function toModelSpec(spec: DocumentSpec): ModelSpec {
  const { margin = spec.objectives.qualityBudget.maxLoss, ...experiment } = spec.experiment;
  return {
    ...spec,
    monitors: { ...spec.monitors, falseAlarmEvery: falseAlarmEvery(spec.monitors) },
    experiment: { ...experiment, margin },
  };
}
