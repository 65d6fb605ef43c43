import type { Answer } from '../../serving/index.js';
import { isPlainText } from './decode-event.js';
import { type Decoded, type InferenceEvent, bad } from './event.js';

/**
 * The gateway's answer as the event it would have sent: from here on there is one engine, whatever the way in. Checks
 * only what a client can influence. Never throws.
 */
export function answerEvent(answer: Answer): Decoded<InferenceEvent> {
  if (!isPlainText(answer.requestId))
    return bad('field', 'requestId must be a text of 1 to 256 characters without NUL');
  if (answer.prediction !== null && !Number.isFinite(answer.prediction)) {
    return bad('field', 'prediction must be a finite number');
  }
  const features = Object.fromEntries(Object.entries(answer.features).filter(([, value]) => Number.isFinite(value)));
  const failed = answer.error !== null || answer.prediction === null;
  return {
    ok: {
      kind: 'inference',
      requestId: answer.requestId,
      model: answer.model,
      version: answer.version,
      arm: answer.arm,
      at: answer.at,
      latencyMs: Number.isFinite(answer.latencyMs) ? answer.latencyMs : 0,
      error: failed ? (answer.error ?? 'runtime') : null,
      features,
      prediction: failed ? null : answer.prediction,
      confidence: failed ? null : answer.confidence,
      output: null,
      shadow: shadowOf(answer),
      input: usable(answer.input) ? answer.input : null,
    },
  };
}

function shadowOf({ shadow }: Answer): InferenceEvent['shadow'] {
  if (shadow === null) return null;
  return { version: shadow.version, prediction: shadow.error === null ? shadow.prediction : null, output: null };
}

function usable(input: Float32Array): boolean {
  return input.length > 0 && input.every((value) => Number.isFinite(value));
}
