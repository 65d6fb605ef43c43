import { counter, gauge, histogram } from '../platform/observability/index.js';
import type { BatchReport, LabelReport } from './ports.js';

export const eventsTotal = counter({
  name: 'ratchet_telemetry_events_total',
  help: 'Inference events by what became of them.',
  labels: ['result'],
});

export const shedTotal = counter({
  name: 'ratchet_telemetry_shed_total',
  help: 'Answers that found no room, by why: they are in no window.',
  labels: ['cause'],
});

export const unpunctualTotal = counter({
  name: 'ratchet_telemetry_unpunctual_total',
  help: 'Events older than the allowed lateness, and events with a time after ours.',
  labels: ['kind'],
});

export const labelsTotal = counter({
  name: 'ratchet_telemetry_labels_total',
  help: 'Labels by what became of them.',
  labels: ['result'],
});

export const deadLettersTotal = counter({
  name: 'ratchet_telemetry_dead_letters_total',
  help: 'Dead letters by the class of their reason.',
  labels: ['class'],
});

export const samplesTotal = counter({
  name: 'ratchet_telemetry_samples_total',
  help: 'Raw inputs that were kept.',
});

export const bufferedEntries = gauge({
  name: 'ratchet_telemetry_buffered_entries',
  help: 'Entries that wait in memory to be written.',
});

export const flushSeconds = histogram({
  name: 'ratchet_telemetry_flush_seconds',
  help: 'Duration of writing one batch.',
  labels: ['result'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10],
});

export const sweptTotal = counter({
  name: 'ratchet_telemetry_swept_total',
  help: 'Rows removed because they were too old, by kind.',
  labels: ['kind'],
});

/** Counts what one batch did. */
export function countBatch(report: BatchReport): void {
  eventsTotal.inc({ result: 'counted' }, report.counted);
  eventsTotal.inc({ result: 'duplicate' }, report.duplicates);
  samplesTotal.inc(report.sampled);
  countLabels(report.labels);
  countDeadLetters(report.dead);
}

/** Counts labels. */
export function countLabels({ joined, early, repeated, conflicts }: LabelReport): void {
  for (const [result, count] of Object.entries({ joined, early, repeated, conflict: conflicts })) {
    labelsTotal.inc({ result }, count);
  }
}

/** Counts dead letters by class. */
export function countDeadLetters(dead: BatchReport['dead']): void {
  for (const [kind, count] of Object.entries(dead)) deadLettersTotal.inc({ class: kind }, count);
}
