import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../src/kernel/index.js';
import { binOf, quantileEdges } from '../../src/telemetry/domain/feature-profile.js';

/** How traffic can look; `pools.py` says what each is for each model. */
export const CONDITIONS = [
  'clean',
  'harmless',
  'damage-strong',
  'damage-mild',
  'world-strong',
  'world-mild',
  'world-and-damage',
] as const;
export type Condition = (typeof CONDITIONS)[number];

export const MODELS = ['digits', 'breast-cancer'] as const;
export type SimulatedModel = (typeof MODELS)[number];

/** Rows that both versions have scored, column by column. */
export interface Scored {
  readonly labels: Uint8Array;
  readonly champion: Uint8Array;
  readonly reference: Uint8Array;
  readonly confidence: Float64Array;
  /** Bin of each feature, row after row. */
  readonly bins: Uint8Array;
}

/** One model's rows, scored once by ONNX Runtime, from which every episode draws. */
export interface Pool {
  readonly model: SimulatedModel;
  readonly classes: number;
  readonly reference: Digest;
  readonly champion: Digest;
  readonly rows: number;
  readonly features: readonly string[];
  /** Inner edges of each feature's bins, fixed by clean rows as telemetry does. */
  readonly edges: readonly (readonly number[])[];
  readonly conditions: Readonly<Record<Condition, Scored>>;
  /** Shares of right answers and of agreement, as they were measured. */
  readonly measured: Readonly<Record<Condition, Measured>>;
}

interface Measured {
  readonly accuracy: number;
  readonly referenceAccuracy: number;
  readonly agreement: number;
}

interface File {
  readonly model: SimulatedModel;
  readonly classes: number;
  readonly reference: Digest;
  readonly champion: Digest;
  readonly rows: number;
  readonly features: readonly string[];
  readonly conditions: Readonly<
    Record<
      Condition,
      Readonly<Record<'labels' | 'champion' | 'reference' | 'confidence' | 'features', string>> & Measured
    >
  >;
}

const PROFILE_ROWS = 300;

/** Reads what `pools.py` left. */
export function readPool(model: SimulatedModel): Pool {
  const path = join(import.meta.dirname, '../fixtures/attribution', `${model}.json`);
  const file = JSON.parse(readFileSync(path, 'utf8')) as File;
  const width = file.features.length;
  const values = (condition: Condition): readonly number[] => halves(file.conditions[condition].features);
  const clean = values('clean');
  const edges = file.features.map((_, feature) =>
    quantileEdges(Array.from({ length: PROFILE_ROWS }, (__, row) => clean[row * width + feature] ?? 0)),
  );
  const scored = (condition: Condition): Scored => {
    const { labels, champion, reference, confidence } = file.conditions[condition];
    return {
      labels: digits(labels),
      champion: digits(champion),
      reference: digits(reference),
      confidence: Float64Array.from(Buffer.from(confidence, 'base64'), (byte) => byte / 255),
      bins: Uint8Array.from(values(condition), (value, at) => binOf(edges[at % width] ?? [], value)),
    };
  };
  const conditions = Object.fromEntries(CONDITIONS.map((name) => [name, scored(name)])) as Record<Condition, Scored>;
  const { classes, reference, champion, rows, features } = file;
  return { model, classes, reference, champion, rows, features, edges, conditions, measured: file.conditions };
}

function digits(text: string): Uint8Array {
  return Uint8Array.from(text, Number);
}

/** Little-endian IEEE 754 half-precision numbers (sign, 5 bits of exponent, 10 of fraction). */
function halves(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.length / 2 }, (_, at) => {
    const bits = bytes.readUInt16LE(at * 2);
    const sign = bits >>> 15 === 1 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
  });
}
