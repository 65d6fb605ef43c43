import { counter, gauge, histogram } from '../platform/observability/index.js';
import { BAD_CLASSES } from './domain/event.js';
import type { BatchReport, LabelReport } from './ports.js';

export const eventsTotal = counter({
  name: 'ratchet_telemetry_events_total',
  help: 'Inference events by what became of them.',
  labels: ['result'],
});

export const shedTotal = counter({
  name: 'ratchet_telemetry_shed_total',
  help: 'Answers that found no room or that the log refused, by why: they are in no window.',
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

export const halvesTotal = counter({
  name: 'ratchet_telemetry_halves_total',
  help: 'Requests and responses that are logged apart, by what became of them; joined counts pairs.',
  labels: ['result'],
});

export const cloudEventsTotal = counter({
  name: 'ratchet_telemetry_cloudevents_total',
  help: 'CloudEvents that came over HTTP, by what was answered: taken, refused (kept as dead letters) or shed.',
  labels: ['result'],
});

export const replayedTotal = counter({
  name: 'ratchet_telemetry_replayed_total',
  help: 'Dead letters that were fed in again.',
});

export const deadLettersTotal = counter({
  name: 'ratchet_telemetry_dead_letters_total',
  help: 'Dead letters by the class of their reason.',
  labels: ['class'],
});
// From zero on, so that the first one is an increase.
for (const kind of BAD_CLASSES) deadLettersTotal.inc({ class: kind }, 0);

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

export const logLagRecords = gauge({
  name: 'ratchet_telemetry_log_lag_records',
  help: 'Records of a partition that are on the log and not counted yet; partitions of this process only.',
  labels: ['topic', 'partition'],
});

export const logFetchedRecordsTotal = counter({
  name: 'ratchet_telemetry_log_fetched_records_total',
  help: 'Records fetched from the log.',
  labels: ['topic'],
});

export const logFetchedBytesTotal = counter({
  name: 'ratchet_telemetry_log_fetched_bytes_total',
  help: 'Bytes of their keys and values.',
  labels: ['topic'],
});

export const logRebalancesTotal = counter({
  name: 'ratchet_telemetry_log_rebalances_total',
  help: 'Times this process was assigned partitions, the first time included.',
});

export const logCrashesTotal = counter({
  name: 'ratchet_telemetry_log_crashes_total',
  help: 'Times the client of the log gave up and was started again.',
});

export const logPausesTotal = counter({
  name: 'ratchet_telemetry_log_pauses_total',
  help: 'Times a partition was not fetched from, by why: the buffer is full, or the store does not answer.',
  labels: ['cause'],
});

export const logPausedSecondsTotal = counter({
  name: 'ratchet_telemetry_log_paused_seconds_total',
  help: 'How long, summed over partitions.',
  labels: ['cause'],
});

export const logFencedTotal = counter({
  name: 'ratchet_telemetry_log_fenced_total',
  help: 'Times another process had claimed a partition before this one learnt of it; nothing was written.',
});

export const logResetsTotal = counter({
  name: 'ratchet_telemetry_log_offset_resets_total',
  help: 'Times the log did not have the next offset any more, by why: records were deleted, or the topic was made anew.',
  labels: ['topic', 'cause'],
});

export const logLostRecordsTotal = counter({
  name: 'ratchet_telemetry_log_lost_records_total',
  help: 'Offsets that were deleted from the log before they were counted.',
  labels: ['topic'],
});

export const producedTotal = counter({
  name: 'ratchet_telemetry_produced_events_total',
  help: 'Events sent to the log, by what became of them.',
  labels: ['result'],
});

export const producingEvents = gauge({
  name: 'ratchet_telemetry_producing_events',
  help: 'Events that wait in memory to be on the log.',
});

export const produceSeconds = histogram({
  name: 'ratchet_telemetry_produce_seconds',
  help: 'Duration of sending one batch to the log.',
  labels: ['result'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10],
});

/** Counts what one batch did. */
export function countBatch(report: BatchReport): void {
  eventsTotal.inc({ result: 'counted' }, report.counted);
  eventsTotal.inc({ result: 'duplicate' }, report.duplicates);
  samplesTotal.inc(report.sampled);
  countLabels(report.labels);
  const halves: Readonly<Record<string, number>> = { ...report.halves };
  for (const [result, count] of Object.entries(halves)) halvesTotal.inc({ result }, count);
  countDeadLetters(report.dead);
}

/** Counts labels. */
export function countLabels({ joined, early, repeated, conflicts, outside = 0 }: LabelReport): void {
  const results = { joined, early, repeated, conflict: conflicts, 'outside-share': outside };
  for (const [result, count] of Object.entries(results)) {
    labelsTotal.inc({ result }, count);
  }
}

/** Counts dead letters by class. */
export function countDeadLetters(dead: BatchReport['dead']): void {
  for (const [kind, count] of Object.entries(dead)) deadLettersTotal.inc({ class: kind }, count);
}
