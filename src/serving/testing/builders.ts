import { createHash } from 'node:crypto';
import type { Digest } from '../../kernel/index.js';
import type { Model, ModelSpec, SummaryFeature } from '../../models/index.js';
import type { Route } from '../domain/route.js';

/** The digest of a text or of bytes. */
export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A route without candidate and mirror. */
export function aRoute(change: Partial<Route> = {}): Route {
  return {
    model: 'digits',
    stable: digestOf('stable'),
    candidate: null,
    weight: 0,
    mirror: null,
    mirrorFraction: 0,
    salt: 'salt',
    epoch: 1,
    confirmBy: null,
    ...change,
  };
}

/** A model of 4 × 4 images and three classes, as far as serving reads it. */
export function aModel(name = 'digits', features: readonly SummaryFeature[] = ['mean', 'max']): Model {
  const spec = {
    task: { kind: 'classification', classes: 3 },
    input: { name: 'input', datatype: 'FP32', shape: [-1, 1, 4, 4] },
    output: { name: 'logits', datatype: 'FP32', shape: [-1, 3] },
    telemetry: { features, columns: [], projection: null, redact: [], sampling: true, windowSeconds: 10 },
  };
  return {
    id: name,
    model: name,
    spec: spec as unknown as ModelSpec,
    status: { phase: 'Registered', generation: 1 },
    revision: 1,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  };
}

/** The body of an inference request for `aModel`, every value of row i being `rows[i]`. */
export function aRequest(rows: readonly number[], change: Record<string, unknown> = {}): Record<string, unknown> {
  const data = rows.flatMap((value) => new Array<number>(16).fill(value));
  return { inputs: [{ name: 'input', datatype: 'FP32', shape: [rows.length, 1, 4, 4], data, ...change }] };
}
