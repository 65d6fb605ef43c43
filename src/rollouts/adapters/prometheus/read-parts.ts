import type { PrometheusAnswer, PrometheusSample } from '../../../platform/prometheus/index.js';
import type { Asking } from './asking.js';
import { PART } from './typed-question.js';

/** The parts of a combined answer by their names. */
export function readParts({ samples }: PrometheusAnswer): {
  readonly one: (name: string) => number | null;
  readonly all: (name: string) => readonly PrometheusSample[];
} {
  const all = (name: string): PrometheusSample[] => samples.filter(({ labels }) => labels[PART] === name);
  return { all, one: (name) => all(name)[0]?.value ?? null };
}

/** What is to be said against a newest sample of that age. Prometheus itself repeats a last sample for five minutes. */
export function staleness(newest: Date | null, { at, staleMs }: Asking): string[] {
  if (newest === null) return [];
  const ageMs = at.getTime() - newest.getTime();
  if (ageMs <= staleMs) return [];
  return [`the newest sample is ${(ageMs / 1000).toFixed(0)} s old, at most ${staleMs / 1000} s count`];
}
