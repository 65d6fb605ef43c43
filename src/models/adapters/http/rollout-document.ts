import { z } from 'zod';
import { bounded, namedOnce, rising } from './document-rules.js';
import { count, fraction, kubernetesName, seconds } from './document-values.js';

const minimumSamples = count.default(100);
const anyGate = {
  minimumSamples,
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-", at most 63')
    .exactOptional()
    .describe('Unique among the gates of a step; the kind when absent.'),
  role: z
    .enum(['guardrail', 'signal'])
    .exactOptional()
    .describe('FAIL of a guardrail (the default) rolls back; FAIL of a signal pauses.'),
  dryRun: z.boolean().exactOptional().describe('Read and recorded, but without any effect.'),
};
const Gate = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('error-ratio'), max: fraction, ...anyGate }),
    z.strictObject({ kind: z.literal('latency-p95'), maxMs: z.number().positive(), ...anyGate }),
    z.strictObject({ kind: z.literal('latency-p99'), maxMs: z.number().positive(), ...anyGate }),
    z.strictObject({ kind: z.literal('accuracy'), maxLoss: fraction, ...anyGate }),
    z.strictObject({ kind: z.literal('agreement'), min: fraction, ...anyGate }),
    z.strictObject({
      kind: z.literal('promql'),
      query: z.string().min(1).max(4_000).describe('PromQL that gives one number.'),
      min: z.number().nullable().default(null),
      max: z.number().nullable().default(null),
      ...anyGate,
    }),
  ])
  .superRefine(bounded);

const Step = z.strictObject({
  weight: z.int().min(1).max(99).describe('Percent of the traffic; 100 is the promotion itself.'),
  holdSeconds: z
    .number()
    .min(0)
    .max(366 * 86_400)
    .default(300),
  gates: z.array(Gate).min(1).max(20),
  approval: z.boolean().exactOptional().describe('The step is entered only after somebody approved it.'),
});

const Backend = z.strictObject({
  name: kubernetesName,
  port: z.int().min(1).max(65_535).nullable().default(null),
});
const IstioDestination = z.strictObject({
  host: z.string().min(1).max(253),
  subset: z.string().min(1).max(253).nullable().default(null),
});
const ServedBy = z
  .enum(['gateways', 'others'])
  .describe(
    'What stands behind the two backends: Ratchet’s gateways, pinned to an arm, or other servers; gateways when absent.',
  );
const Target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('builtin') }),
  z.strictObject({
    kind: z.literal('http-route'),
    namespace: kubernetesName,
    name: kubernetesName,
    rule: z
      .union([z.string().min(1).max(253), z.int().min(0).max(15)])
      .nullable()
      .default(null),
    stable: Backend,
    candidate: Backend,
    servedBy: ServedBy.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('kserve'), namespace: kubernetesName, name: kubernetesName }),
  z.strictObject({
    kind: z.literal('istio'),
    namespace: kubernetesName,
    name: kubernetesName,
    route: z.string().min(1).max(253).nullable().default(null),
    stable: IstioDestination,
    candidate: IstioDestination,
    servedBy: ServedBy.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('webhook'), endpoint: z.string().min(1).max(100) }),
]);

/** How a candidate gets traffic: `spec.rollout`. */
export const Rollout = z
  .strictObject({
    steps: z
      .array(Step)
      .min(1)
      .max(50)
      .superRefine(rising)
      .default([5, 25, 50].map((weight) => ({ weight, holdSeconds: 300, gates: [defaultGate()] }))),
    target: Target.exactOptional().describe('Whose traffic is moved; the built-in gateway when absent.'),
    background: z
      .array(Gate)
      .max(20)
      .exactOptional()
      .describe('Gates that are read on every pass of every step, beside the step’s own.'),
    onBlind: z
      .enum(['roll-back', 'step-back', 'hold'])
      .exactOptional()
      .describe('What follows when blindSeconds are over; roll-back when absent.'),
    blindSeconds: seconds.default(900),
    undecidedSeconds: seconds.default(3_600),
    confirmSeconds: seconds.default(120),
  })
  .superRefine(namedOnce);

function defaultGate() {
  return { kind: 'error-ratio' as const, max: 0.01, minimumSamples: 100 };
}
