import type { Digest } from '../../kernel/index.js';
import type { Cause, RecipeName, Remedy, Trigger } from './trigger.js';

type Rung = { readonly recipe: RecipeName; readonly parameters: Readonly<Record<string, unknown>> };

const quantize = (parameters: Rung['parameters'] = {}): Rung => ({ recipe: 'quantize-static', parameters });
const distil = (parameters: Rung['parameters'] = {}): Rung => ({ recipe: 'incremental-distillation', parameters });

/** Cheapest first. Nothing on the ladder of `latency` trains. */
export const LADDERS: Readonly<Record<Exclude<Cause, 'manual'>, readonly Rung[]>> = {
  'no-compressed-champion': [quantize(), quantize({ method: 'percentile' }), quantize({ excludeSensitive: 2 })],
  'compression-damage': [quantize(), quantize({ excludeSensitive: 2 }), distil()],
  'world-changed': [distil(), distil({ fineTune: { epochs: 12, patience: 4 }, distil: { epochs: 10, patience: 4 } })],
  latency: [quantize()],
};

/** How many remedies of this cause this champion's triggers have used up: those that were refused or failed. */
export function rungsUsed(cause: Cause, champion: Digest, triggers: readonly Trigger[]): number {
  return triggers.filter(
    ({ spec, status }) =>
      spec.cause === cause &&
      spec.champion === champion &&
      status.phase === 'Resolved' &&
      (status.outcome === 'refused' || status.outcome === 'failed'),
  ).length;
}

/** The next remedy, or null past the end of the ladder. */
export function nextRemedy(
  cause: Exclude<Cause, 'manual'>,
  champion: Digest,
  triggers: readonly Trigger[],
): Remedy | null {
  const rung = rungsUsed(cause, champion, triggers);
  const step = LADDERS[cause][rung];
  return step === undefined ? null : { ...step, rung };
}
