import type { Answer, ServedCount } from '../../serving/index.js';
import { rowToBytes } from './decode-input.js';
import { INFERENCE_SCHEMA, LABEL_SCHEMA, SERVED_SCHEMA } from './event.js';

const PIECE = 8192;

/**
 * The gateway's answer as the JSON of a native event, which `decodeEvent` reads back. Numbers that are not finite become
 * null, and whoever decodes it refuses it with the reason.
 */
export function encodeAnswer(answer: Answer): string {
  const { requestId, model, version, arm, at, latencyMs, features, confidence, shadow } = answer;
  const failed = answer.error !== null || answer.prediction === null;
  return JSON.stringify({
    schema: INFERENCE_SCHEMA,
    ...{ requestId, model, version, arm, at: at.getTime(), latencyMs },
    features: finiteOnly(features),
    ...(failed ? { error: answer.error ?? 'runtime' } : { prediction: answer.prediction }),
    ...(failed || confidence === null ? {} : { confidence }),
    ...(shadow === null
      ? {}
      : { shadow: { version: shadow.version, prediction: shadow.error === null ? shadow.prediction : null } }),
    ...(isUsable(answer) ? { input: base64(answer.input) } : {}),
  });
}

/** A label as the JSON of a native event. */
export function encodeLabel(model: string, requestId: string, label: number): string {
  return JSON.stringify({ schema: LABEL_SCHEMA, model, requestId, label });
}

/** What a gateway says it served, as the JSON of a native event. */
export function encodeServed({ model, version, at, seconds, requests }: ServedCount, source: string): string {
  return JSON.stringify({ schema: SERVED_SCHEMA, model, version, at: at.getTime(), seconds, requests, source });
}

function finiteOnly(features: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  for (const name in features) {
    if (!Number.isFinite(features[name])) {
      return Object.fromEntries(Object.entries(features).filter(([, value]) => Number.isFinite(value)));
    }
  }
  return features;
}

function isUsable({ input, keepInput }: Answer): boolean {
  return keepInput !== false && input.length > 0 && input.every((value) => Number.isFinite(value));
}

/** Base64 of little-endian float32, four bytes a number. */
function base64(input: Float32Array): string {
  const bytes = rowToBytes(input);
  let binary = '';
  // In pieces, because every argument takes room on the stack.
  for (let i = 0; i < bytes.length; i += PIECE) binary += String.fromCharCode(...bytes.subarray(i, i + PIECE));
  return btoa(binary);
}
