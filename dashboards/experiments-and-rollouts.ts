import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows, states } from './panels.js';

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
              'How near each claim is to its proof, by metric; it is proven when its line reaches 1. It may be looked at any time.',
            queries: [
              {
                expr: 'max by (model, metric, claim) (ratchet_experiments_wealth_ratio{model=~"$model"})',
                legend: '{{model}} {{metric}}: {{claim}}',
              },
            ],
            unit: 'short',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How many observations does each metric have?',
            description: 'Pairs, or requests of both arms, that could be judged.',
            queries: [
              {
                expr: 'max by (model, metric) (ratchet_experiments_metric_samples{model=~"$model"})',
                legend: '{{model}} {{metric}}',
              },
            ],
            unit: 'short',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How much of the plan is used up?',
            description:
              'Samples so far as a share of the planned maximum; at 1 the test ends undecided and the champion stays.',
            queries: [
              { expr: 'max by (model) (ratchet_experiments_plan_ratio{model=~"$model"})', legend: '{{model}}' },
            ],
            unit: 'percentunit',
            min: 0,
            max: 1,
          }),
          lines({
            title: 'Do both arms get the share that they should?',
            description:
              'Wealth of the bet that the split is not the intended one; above 1 over alpha the comparison cannot be trusted. Live experiments only.',
            queries: [
              {
                expr: 'max by (model) (ratchet_experiments_sample_ratio_mismatch_ratio{model=~"$model"})',
                legend: '{{model}}',
              },
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
        heading: 'Where does the rollout stand?',
        panels: [
          states({
            title: 'In which phase was each rollout?',
            description: 'One line a model and phase; coloured while it is in that phase.',
            queries: [
              {
                expr: 'max by (model, phase) (ratchet_rollouts_info{model=~"$model"})',
                legend: '{{model}}: {{phase}}',
              },
            ],
            unit: 'short',
            width: 12,
          }),
          lines({
            title: 'Which step is it on, and for how long?',
            description: 'Seconds in the present step, and how long of them nothing could be seen.',
            queries: [
              {
                expr: 'max by (model) (ratchet_rollouts_step_seconds{model=~"$model"})',
                legend: '{{model}} in this step',
              },
              { expr: 'max by (model) (ratchet_rollouts_blind_seconds{model=~"$model"})', legend: '{{model}} blind' },
            ],
            unit: 's',
            min: 0,
            width: 12,
          }),
          lines({
            title: 'How long until the traffic goes back by itself?',
            description:
              'Seconds until the weight must be confirmed again. At 0 the data plane or the guardian gives everything to the champion.',
            queries: [
              { expr: 'max by (model) (ratchet_rollouts_confirm_by_seconds{model=~"$model"})', legend: '{{model}}' },
            ],
            unit: 's',
            width: 12,
          }),
          rows({
            title: 'How was it decided?',
            description:
              'Decisions on record by the phase they led to; `ratchet explain ROLLOUT` shows each with its evidence.',
            queries: [{ expr: 'sum by (phase) (ratchet_rollouts_decisions_total)' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
      {
        heading: 'What do the gates say?',
        panels: [
          rows({
            title: 'What does each gate see, and what is its limit?',
            description:
              'The newest value of each gate of the present step, its bounds and how many observations it rests on.',
            queries: [
              { expr: 'max by (model, gate) (ratchet_rollouts_gate_value{model=~"$model"})' },
              { expr: 'max by (model, gate, bound) (ratchet_rollouts_gate_limit{model=~"$model"})' },
              { expr: 'max by (model, gate) (ratchet_rollouts_gate_samples{model=~"$model"})' },
            ],
            unit: 'short',
            width: 24,
          }),
          states({
            title: 'What did each gate say?',
            description:
              'One line a gate and verdict; coloured while it says so. BLIND holds, FAIL goes back or pauses.',
            queries: [
              {
                expr: 'max by (model, gate, verdict) (ratchet_rollouts_gate_verdict{model=~"$model"})',
                legend: '{{model}} {{gate}}: {{verdict}}',
              },
            ],
            unit: 'short',
            width: 24,
            height: 9,
          }),
          now({
            title: 'Who answers the gates?',
            description: 'Prometheus where one is configured; otherwise the program’s own windows.',
            queries: [{ expr: 'max by (source) (ratchet_rollouts_gate_source_info)', legend: '{{source}}' }],
            unit: 'short',
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
