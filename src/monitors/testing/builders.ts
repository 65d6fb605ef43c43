import type { Digest } from '../../kernel/index.js';
import { LatencySketch, type Window } from '../../telemetry/index.js';

/** A window of ten seconds that starts `second` seconds after 1970. */
export function aWindow(
  version: Digest,
  second: number,
  changes: Partial<Window> & { latencyMs?: number } = {},
): Window {
  const { latencyMs = 2, ...fields } = changes;
  const requests = fields.requests ?? 100;
  const sketch = new LatencySketch();
  for (let i = 0; i < requests; i += 1) sketch.add(latencyMs);
  return {
    model: 'digits',
    version,
    start: new Date(second * 1000),
    seconds: 10,
    requests,
    errors: 0,
    latency: sketch.toBytes(),
    features: {},
    predictions: {},
    confidence: [],
    moments: {},
    compared: 0,
    agreed: 0,
    served: null,
    labelled: 0,
    correct: 0,
    newestAt: new Date(second * 1000 + 9_999),
    ...fields,
  };
}
