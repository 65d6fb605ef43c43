import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows } from './panels.js';

/** What is being tried on whose traffic, and what do the tests and gates say? */
export function experimentsAndRollouts(): ClassicDashboard {
  return page(
    {
      uid: 'ratchet-rollouts',
      title: 'Ratchet: experiments and rollouts',
      description: 'The A/B test and the rollout that are under way, with every gate’s evidence.',
    },
    [
      {
        heading: 'What does the A/B test say so far?',
        panels: [
          lines({
            title: 'How strong is the evidence?',
            description:
              'Wealth of the bets on each claim; a claim is proven when its line reaches 1/alpha (20 at 5 %). It may be looked at any time.',
            queries: [
              {
                expr: 'max by (model, claim) (ratchet_experiments_wealth_ratio{model=~"$model"})',
                legend: '{{model}} {{claim}}',
              },
            ],
            unit: 'short',
            min: 0,
          }),
          lines({
            title: 'How many pairs are in the test?',
            description: 'Requests that candidate and champion both answered and that could be judged.',
            queries: [
              { expr: 'max by (model) (ratchet_experiments_test_pairs{model=~"$model"})', legend: '{{model}}' },
            ],
            unit: 'short',
            min: 0,
          }),
          rows({
            title: 'How did the tests end?',
            description: 'Experiments by verdict since the program started.',
            queries: [{ expr: 'sum by (model, verdict) (ratchet_experiments_concluded_total{model=~"$model"})' }],
            unit: 'short',
          }),
        ],
      },
      {
        heading: 'Where is the traffic?',
        panels: [
          lines({
            title: 'Which weight is set, and which is given?',
            description:
              'What the rollout wants and what the data plane gives. If they stay apart, the data plane is away or its lease ran out.',
            queries: [
              { expr: 'max by (model) (ratchet_rollouts_set_weight_ratio{model=~"$model"})', legend: '{{model}} set' },
              {
                expr: 'max by (model) (ratchet_rollouts_actual_weight_ratio{model=~"$model"})',
                legend: '{{model}} given',
              },
            ],
            unit: 'percentunit',
            min: 0,
            max: 1,
            width: 12,
          }),
          lines({
            title: 'How do both arms do?',
            description: 'Latency that 95 of 100 requests stay below, by arm.',
            queries: [
              {
                expr: 'histogram_quantile(0.95, sum by (le, model, arm) (rate(ratchet_serving_request_seconds_bucket{model=~"$model"}[$__rate_interval])))',
                legend: '{{model}} {{arm}}',
              },
            ],
            unit: 's',
            min: 0,
            width: 12,
          }),
        ],
      },
      {
        heading: 'What do the gates say?',
        panels: [
          lines({
            title: 'What did the gates say, over time?',
            description: 'Readings a second by gate and verdict. BLIND holds, FAIL goes back or pauses.',
            queries: [
              {
                expr: 'sum by (gate, verdict) (rate(ratchet_rollouts_gate_verdicts_total[$__rate_interval]))',
                legend: '{{gate}} {{verdict}}',
              },
            ],
            unit: 'short',
            min: 0,
            width: 12,
          }),
          now({
            title: 'Is every gateway serving what it should?',
            description: 'Epoch of the route in force at each gateway; 0 means that a wanted version cannot be loaded.',
            queries: [{ expr: 'ratchet_serving_epoch_info{model=~"$model"}', legend: '{{model}} {{instance}}' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
    ],
  );
}
