import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows, states } from './panels.js';

/** Is the loop turning, and does anything need a person? The page that stays open. */
export function theLoop(): ClassicDashboard {
  return page(
    {
      uid: 'ratchet-loop',
      title: 'Ratchet: the loop at a glance',
      description: 'From requests to promotions: is anything wrong, and what is under way?',
    },
    [
      {
        heading: 'Does anything need me?',
        panels: [
          now({
            title: 'Which monitors see something?',
            description: 'Monitors that say FAIL or are blind. Zero is good; the page of monitors says which and why.',
            queries: [
              { expr: 'sum by (state) (ratchet_monitors_finding_state{model=~"$model"})', legend: '{{state}}' },
            ],
            unit: 'short',
          }),
          now({
            title: 'How much may quality still fall?',
            description:
              'What is left of the quality budget against the reference; at 0 nothing worse can be promoted.',
            queries: [
              { expr: 'ratchet_promotions_quality_budget_remaining_ratio{model=~"$model"}', legend: '{{model}}' },
            ],
            unit: 'percentunit',
            thresholds: [
              { from: null, color: 'red' },
              { from: 0.001, color: 'yellow' },
              { from: 0.003, color: 'green' },
            ],
          }),
          now({
            title: 'Is the program itself well?',
            description:
              'Reconcile passes that failed, a second. They are tried again; more than a few mean that something outside is away.',
            queries: [
              {
                expr: 'sum(rate(ratchet_reconcile_passes_total{result!="ok"}[$__rate_interval])) or vector(0)',
                legend: 'failed passes a second',
              },
            ],
            unit: 'short',
            thresholds: [
              { from: null, color: 'green' },
              { from: 0.1, color: 'yellow' },
              { from: 1, color: 'red' },
            ],
          }),
        ],
      },
      {
        heading: 'What do the users get?',
        panels: [
          lines({
            title: 'How many requests are answered, by which arm?',
            description: 'The candidate’s share follows the rollout’s weight.',
            queries: [
              {
                expr: 'sum by (model, arm) (rate(ratchet_serving_answers_total{model=~"$model"}[$__rate_interval]))',
                legend: '{{model}} {{arm}}',
              },
            ],
            unit: 'reqps',
            min: 0,
          }),
          lines({
            title: 'Which share of requests fails?',
            description: 'Rows that got no answer, of all.',
            queries: [
              {
                expr: '1 - sum by (model) (rate(ratchet_serving_answers_total{model=~"$model",outcome="ok"}[$__rate_interval])) / sum by (model) (rate(ratchet_serving_answers_total{model=~"$model"}[$__rate_interval]))',
                legend: '{{model}}',
              },
            ],
            unit: 'percentunit',
            min: 0,
          }),
          lines({
            title: 'How long do 95 of 100 requests take at most?',
            description: 'From the valid request to the answer, by arm.',
            queries: [
              {
                expr: 'histogram_quantile(0.95, sum by (le, model, arm) (rate(ratchet_serving_request_seconds_bucket{model=~"$model"}[$__rate_interval])))',
                legend: '{{model}} {{arm}}',
              },
            ],
            unit: 's',
            min: 0,
          }),
        ],
      },
      {
        heading: 'What is the loop doing?',
        panels: [
          states({
            title: 'Is a change of a model under way?',
            description: '1 while a trigger is open; its job, experiment and rollout follow on their own pages.',
            queries: [{ expr: 'ratchet_triggers_open_triggers{model=~"$model"}', legend: '{{model}}' }],
            unit: 'short',
            width: 12,
          }),
          lines({
            title: 'How much traffic has the candidate?',
            description:
              'What the rollout wants and what the data plane gives. They differ for a moment after each step.',
            queries: [
              { expr: 'ratchet_rollouts_set_weight_ratio{model=~"$model"}', legend: '{{model}} wanted' },
              { expr: 'ratchet_rollouts_actual_weight_ratio{model=~"$model"}', legend: '{{model}} given' },
            ],
            unit: 'percentunit',
            min: 0,
            max: 1,
            width: 12,
          }),
          rows({
            title: 'What was decided about triggers?',
            description: 'Decisions by the row of the table of attribution, since the program started.',
            queries: [{ expr: 'sum by (model, cause, action) (ratchet_triggers_decisions_total{model=~"$model"})' }],
            unit: 'short',
            width: 12,
          }),
          rows({
            title: 'How did attempts to change the champion end?',
            description: 'Promoted, refused or failed, and the stage that decided.',
            queries: [{ expr: 'sum by (outcome, decided_by) (ratchet_promotions_total)' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
    ],
  );
}
