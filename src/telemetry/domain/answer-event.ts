import type { Answer } from '../../serving/index.js';
import { isPlainText } from './decode-event.js';
import { type Decoded, type InferenceEvent, bad } from './event.js';

/**
 * The gateway's answer as the event it would have sent: from here on there is one engine, whatever the way in. Checks
 * only what a client can influence. Never throws.
 */
export function answerEvent(answer: Answer): Decoded<InferenceEvent> {
  if (!isPlainText(answer.requestId)) return bad('field', 'requestId must be a text of 1 to 256 characters without NUL');
  if (answer.prediction !== null && !Number.isFinite(answer.prediction)) {
    return bad('field', 'prediction must be a finite number');
  }
  const features: Record<string, number> = {};
  for (const [name, value] of Object.entries(answer.features)) {
    if (Number.isFinite(value)) features[name] = value;
  }
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
      shadow:
        answer.shadow === null
          ? null
          : { version: answer.shadow.version, prediction: answer.shadow.error === null ? answer.shadow.prediction : null },
      input: answer.input.length === 0 || answer.input.some((value) => !Number.isFinite(value)) ? null : answer.input,
    },
  };
}
