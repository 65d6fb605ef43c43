import { z } from 'zod';
import { type Digest, isDigest } from '../../../kernel/index.js';
import { type ModelSpec, SUMMARY_FEATURES } from '../../domain/model.js';
import { rising, shape } from './document-rules.js';

const fraction = z.number().min(0).max(1);
const positiveFraction = z.number().gt(0).max(1);
const seconds = z
  .number()
  .positive()
  .max(366 * 86_400);
const count = z.int().min(1).max(1_000_000_000);

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
});

const Telemetry = z.strictObject({
  windowSeconds: seconds.default(60).describe('Length of one telemetry window.'),
  maxLatenessSeconds: seconds.default(60),
  features: z
    .array(z.enum(SUMMARY_FEATURES))
    .min(1)
    .default([...SUMMARY_FEATURES]),
  sampleRows: count.default(4_000).describe('Bound of the raw-input sample.'),
  sampleSeconds: seconds.default(86_400),
  labelWaitSeconds: seconds.default(86_400),
});

const Monitors = z.strictObject({
  falseAlarmEvery: z.number().min(100).max(1e12).default(100_000),
  accuracyTolerance: fraction.default(0.01),
  agreementTolerance: fraction.default(0.01),
  minimumSamples: count.default(200),
  rescoreBatch: count.default(256),
});

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
});

const Experiment = z.strictObject({
  margin: fraction
    .optional()
    .describe('Largest loss against the champion that counts as no worse; by default the whole quality budget.'),
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  mirrorFraction: positiveFraction.default(0.2),
  maxSamples: count.default(20_000),
  maxSeconds: seconds.default(86_400),
});

const minimumSamples = count.default(100);
const Gate = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('error-ratio'), max: fraction, minimumSamples }),
  z.strictObject({ kind: z.literal('latency-p95'), maxMs: z.number().positive(), minimumSamples }),
  z.strictObject({ kind: z.literal('accuracy'), maxLoss: fraction, minimumSamples }),
]);

const Step = z.strictObject({
  weight: z.int().min(1).max(99).describe('Percent of the traffic; 100 is the promotion itself.'),
  holdSeconds: z
    .number()
    .min(0)
    .max(366 * 86_400)
    .default(300),
  gates: z.array(Gate).min(1).max(20),
});

const Rollout = z.strictObject({
  steps: z
    .array(Step)
    .min(1)
    .max(50)
    .superRefine(rising)
    .default([5, 25, 50].map((weight) => ({ weight, holdSeconds: 300, gates: [defaultGate()] }))),
  blindSeconds: seconds.default(900),
  undecidedSeconds: seconds.default(3_600),
  confirmSeconds: seconds.default(120),
});

function defaultGate() {
  return { kind: 'error-ratio' as const, max: 0.01, minimumSamples: 100 };
}

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
  return { ...spec, experiment: { ...experiment, margin } };
}
