import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { seededRandom } from '../../src/kernel/index.js';
import { parseModelDocument } from '../../src/models/adapters/http/parse-model-document.js';
import type { ModelSpec } from '../../src/models/index.js';
import type { Script, Truth } from './episode.js';
import type { Pool, SimulatedModel } from './pool.js';
import type { Weather } from './traffic.js';

const ROOT = join(import.meta.dirname, '../..');
/** Threshold of every monitor: what a model document has when it says nothing. */
export const FALSE_ALARM_EVERY = 100_000;
/** Traffic: requests a second, and windows as long as an operator would choose them for it. */
export const TRAFFIC = [
  { requestsPerSecond: 5, windowSeconds: 80 },
  { requestsPerSecond: 20, windowSeconds: 20 },
  { requestsPerSecond: 50, windowSeconds: 8 },
] as const;
export const LABEL_SHARES = [0.05, 0.3, 1] as const;
/** How late labels are on average, in requests. */
export const LABEL_DELAY_REQUESTS = [200, 1_000] as const;

/** The example's own document with the thresholds and sample counts that documents have by default. */
export function simulatedSpec(pool: Pool, script: Pick<Script, 'labelDelaySeconds'>): ModelSpec {
  const { spec } = parseModelDocument({ ...document(pool.model), spec: specOf(pool) });
  return {
    ...spec,
    telemetry: { ...spec.telemetry, sampleRows: 4_000, labelWaitSeconds: 4 * script.labelDelaySeconds },
    monitors: { ...spec.monitors, falseAlarmEvery: FALSE_ALARM_EVERY },
    triggers: { ...spec.triggers, minimumSamples: 500, minimumLabelled: 100 },
  };
}

function specOf(pool: Pool): unknown {
  const { spec } = document(pool.model);
  return { ...spec, reference: { digest: pool.reference } };
}

function document(model: SimulatedModel): { readonly spec: object } {
  return parse(readFileSync(join(ROOT, 'examples', model, 'model.yaml'), 'utf8')) as { spec: object };
}

/** Script number `n` of a cause on a model: circumstances go round, the rest is drawn from the seed. */
export function scriptFor(
  pool: Pool,
  spec: Pick<ModelSpec, 'objectives'>,
  truth: Truth,
  n: number,
  labels: 'late' | 'none' = 'late',
): Script {
  const seed = seedOf(`${pool.model} ${truth} ${n}`);
  const random = seededRandom(seed ^ 0x5eed);
  const { requestsPerSecond, windowSeconds } = TRAFFIC[n % TRAFFIC.length]!;
  const labelShare = labels === 'none' ? 0 : LABEL_SHARES[Math.floor(n / TRAFFIC.length) % LABEL_SHARES.length]!;
  const delay = LABEL_DELAY_REQUESTS[Math.floor(n / 9) % LABEL_DELAY_REQUESTS.length]!;
  const variants = VARIANTS[truth];
  const variant = variants[Math.floor(random() * variants.length)]!;
  return {
    ...{ truth, variant: variant.name, requestsPerSecond, windowSeconds, labelShare, seed },
    labelDelaySeconds: delay / requestsPerSecond,
    weather: variant.weather(spec.objectives.latencyP95Ms),
  };
}

interface Variant {
  readonly name: string;
  readonly weather: (ceilingMs: number) => Weather;
}

const weather =
  (condition: Weather['condition'], slowness = 0.5, relabelled = 0) =>
  (ceilingMs: number): Weather => ({ condition, relabelled, latencyP95Ms: ceilingMs * slowness });

const VARIANTS: Readonly<Record<Truth, readonly Variant[]>> = {
  'compression-damage': [
    { name: 'strong', weather: weather('damage-strong') },
    { name: 'mild', weather: weather('damage-mild') },
  ],
  'world-changed': [
    { name: 'strong', weather: weather('world-strong') },
    { name: 'mild', weather: weather('world-mild') },
    { name: 'and compression suffers too', weather: weather('world-and-damage') },
    { name: 'same inputs, other truth', weather: weather('clean', 0.5, 0.15) },
    { name: 'same inputs, a little other truth', weather: weather('clean', 0.5, 0.07) },
  ],
  latency: [
    { name: 'twice the ceiling', weather: weather('clean', 2) },
    { name: 'a third above the ceiling', weather: weather('clean', 1.33) },
    { name: 'a third above, inputs shifted without harm', weather: weather('harmless', 1.33) },
  ],
  'no-compressed-champion': [
    { name: 'nothing else', weather: weather('clean') },
    { name: 'slow as well', weather: weather('clean', 1.5) },
  ],
  calm: [
    { name: 'nothing at all', weather: weather('clean') },
    { name: 'inputs shifted without harm', weather: weather('harmless') },
    { name: 'slower, below the ceiling', weather: weather('clean', 0.85) },
  ],
};

/** FNV-1a, 32 bits. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
