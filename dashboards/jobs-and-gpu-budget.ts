import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows } from './panels.js';

/** What runs, what waits, and what does it cost? */
export function jobsAndGpuBudget(): ClassicDashboard {
  return page(
    {
      uid: 'ratchet-jobs',
      title: 'Ratchet: jobs and the GPU budget',
      description: 'What the runners do, what waits for a GPU, and how much of the day’s budget is left.',
    },
    [
      {
        heading: 'What runs now?',
        panels: [
          now({
            title: 'How many jobs run?',
            description: 'Jobs whose attempt was started and has not ended.',
            queries: [{ expr: 'max(ratchet_jobs_running_jobs)', legend: 'running' }],
            unit: 'short',
          }),
          now({
            title: 'How much of the day’s budget is left?',
            description:
              'Runner seconds and GPU seconds (seconds times GPUs) that triggers may still spend in these 24 hours.',
            queries: [
              {
                expr: 'min by (model, kind) (ratchet_triggers_budget_left_seconds{model=~"$model"})',
                legend: '{{model}} {{kind}}',
              },
            ],
            unit: 's',
          }),
          now({
            title: 'What waits, and for what?',
            description:
              'Jobs that are not running yet by the kind of what they wait for: a slot, a GPU, a queue’s quota, a machine.',
            queries: [{ expr: 'sum by (kind) (ratchet_jobs_waiting_jobs)', legend: '{{kind}}' }],
            unit: 'short',
          }),
          now({
            title: 'How many GPUs are in use?',
            description: 'GPUs of the running attempts together.',
            queries: [{ expr: 'max(ratchet_jobs_running_gpus)', legend: 'GPUs' }],
            unit: 'short',
          }),
          now({
            title: 'Was anything left behind?',
            description:
              'Attempts that ran although no job knew them, and were stopped. More than one after a crash is worth a look.',
            queries: [{ expr: 'sum(ratchet_jobs_orphans_stopped_total)', legend: 'stopped' }],
            unit: 'short',
            thresholds: [
              { from: null, color: 'green' },
              { from: 1, color: 'yellow' },
            ],
          }),
        ],
      },
      {
        heading: 'How do they go?',
        panels: [
          rows({
            title: 'How do attempts end?',
            description: 'By recipe and what followed: collected, tried again, failed, cancelled.',
            queries: [{ expr: 'sum by (recipe, result) (ratchet_jobs_attempts_ended_total)' }],
            unit: 'short',
            width: 12,
          }),
          rows({
            title: 'How do jobs end?',
            description: 'Jobs that reached an end, by recipe.',
            queries: [{ expr: 'sum by (recipe, phase) (ratchet_jobs_finished_total)' }],
            unit: 'short',
            width: 12,
          }),
          lines({
            title: 'How long do attempts run?',
            description: 'The median and the 95th of 100 of what ended, by recipe, over six hours.',
            queries: [
              {
                expr: 'histogram_quantile(0.5, sum by (le, recipe) (increase(ratchet_jobs_attempt_seconds_bucket[6h])))',
                legend: '{{recipe}} median',
              },
              {
                expr: 'histogram_quantile(0.95, sum by (le, recipe) (increase(ratchet_jobs_attempt_seconds_bucket[6h])))',
                legend: '{{recipe}} p95',
              },
            ],
            unit: 's',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How much runner time does each model spend?',
            description: 'In the last 24 hours.',
            queries: [
              { expr: 'max by (model) (ratchet_triggers_spent_runner_seconds{model=~"$model"})', legend: '{{model}}' },
            ],
            unit: 's',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How long do evaluations of candidates take?',
            description: 'The 95th of 100, start of their process included, over six hours.',
            queries: [
              {
                expr: 'histogram_quantile(0.95, sum by (le) (increase(ratchet_candidates_evaluation_seconds_bucket[6h])))',
                legend: 'p95',
              },
            ],
            unit: 's',
            min: 0,
            width: 12,
          }),
          rows({
            title: 'How do evaluations end?',
            description: 'Measured, refused (not even measurable), or unavailable, which is not the candidate’s fault.',
            queries: [{ expr: 'sum by (outcome) (ratchet_candidates_evaluations_total)' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
    ],
  );
}
