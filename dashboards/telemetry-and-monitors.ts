import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows, states } from './panels.js';

/** Do we see everything, and what do the monitors make of it? */
export function telemetryAndMonitors(): ClassicDashboard {
  return page(
    {
      uid: 'ratchet-telemetry',
      title: 'Ratchet: telemetry and monitors',
      description: 'Whether every request is counted, and what the monitors conclude.',
    },
    [
      {
        heading: 'Do we see everything?',
        panels: [
          lines({
            title: 'How many events are counted?',
            description: 'Events a second by what became of them; duplicates are counted once.',
            queries: [
              {
                expr: 'sum by (result) (rate(ratchet_telemetry_events_total[$__rate_interval]))',
                legend: '{{result}}',
              },
            ],
            unit: 'short',
            min: 0,
          }),
          lines({
            title: 'How far behind the log are we?',
            description: 'Records that are on the log and not counted yet. Only where Kafka carries the events.',
            queries: [{ expr: 'sum by (topic) (ratchet_telemetry_log_lag_records)', legend: '{{topic}}' }],
            unit: 'short',
            min: 0,
          }),
          rows({
            title: 'What was refused, and why?',
            description:
              'Dead letters by class; `ratchet dlq list` shows them, `ratchet dlq replay` feeds them in again.',
            queries: [{ expr: 'sum by (class) (ratchet_telemetry_dead_letters_total)' }],
            unit: 'short',
          }),
          lines({
            title: 'How many labels arrive, and do they find their answer?',
            description: 'Labels a second by what became of them.',
            queries: [
              {
                expr: 'sum by (result) (rate(ratchet_telemetry_labels_total[$__rate_interval]))',
                legend: '{{result}}',
              },
            ],
            unit: 'short',
            min: 0,
          }),
          lines({
            title: 'How long does a batch take to be written?',
            description: 'The 95th of 100. Above a second the database is the bottleneck.',
            queries: [
              {
                expr: 'histogram_quantile(0.95, sum by (le) (rate(ratchet_telemetry_flush_seconds_bucket[$__rate_interval])))',
                legend: 'p95',
              },
            ],
            unit: 's',
            min: 0,
          }),
          now({
            title: 'Is anything waiting in memory?',
            description: 'Entries that are not written yet; a process that dies now loses them where there is no log.',
            queries: [{ expr: 'sum(ratchet_telemetry_buffered_entries)', legend: 'entries' }],
            unit: 'short',
          }),
        ],
      },
      {
        heading: 'What do the monitors say?',
        panels: [
          states({
            title: 'In which state was each monitor?',
            description: 'One line a monitor and state; coloured while it is in that state.',
            queries: [
              {
                expr: 'max by (model, monitor, state) (ratchet_monitors_finding_state{model=~"$model"})',
                legend: '{{model}} {{monitor}}: {{state}}',
              },
            ],
            unit: 'short',
            width: 24,
            height: 10,
          }),
          lines({
            title: 'How close is each monitor to an alarm?',
            description: 'Its largest score as a share of the threshold; at 1 it fires.',
            queries: [{ expr: 'ratchet_monitors_score_ratio{model=~"$model"}', legend: '{{model}} {{monitor}}' }],
            unit: 'percentunit',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'What is the level of each watched rate, and what is tolerated?',
            description: 'Error and disagreement rates as the monitors see them now.',
            queries: [
              { expr: 'ratchet_monitors_recent_ratio{model=~"$model"}', legend: '{{model}} {{monitor}}' },
              { expr: 'ratchet_monitors_tolerated_ratio{model=~"$model"}', legend: '{{model}} {{monitor}} tolerated' },
            ],
            unit: 'percentunit',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How many answers does the reference score again?',
            description:
              'Without them there is no fidelity: agreement with the reference is the ground truth that needs no labels.',
            queries: [
              {
                expr: 'sum by (model) (rate(ratchet_monitors_rescored_samples_total{model=~"$model"}[$__rate_interval]))',
                legend: '{{model}}',
              },
            ],
            unit: 'short',
            min: 0,
            width: 12,
          }),
          rows({
            title: 'What does each finding rest on?',
            description: 'Effect sizes, p-values, latencies and ceilings, in the unit that the name states.',
            queries: [{ expr: 'max by (model, monitor, evidence) (ratchet_monitors_evidence_value{model=~"$model"})' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
    ],
  );
}
