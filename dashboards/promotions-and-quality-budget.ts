import { type ClassicDashboard, page } from './page.js';
import { lines, now, rows } from './panels.js';

/** What did we promote, and what did it cost against the original? */
export function promotionsAndQualityBudget(): ClassicDashboard {
  return page(
    {
      uid: 'ratchet-promotions',
      title: 'Ratchet: promotions and the quality budget',
      description: 'Every promotion is charged against the reference: how much has been spent, and on what.',
    },
    [
      {
        heading: 'How much quality may still be spent?',
        panels: [
          lines({
            title: 'How did the quality budget go down?',
            description:
              'Loss against the reference that the next promotion may still cost. It falls at promotions and rises when one regains quality.',
            queries: [
              { expr: 'ratchet_promotions_quality_budget_remaining_ratio{model=~"$model"}', legend: '{{model}}' },
            ],
            unit: 'percentunit',
            min: 0,
            width: 12,
          }),
          rows({
            title: 'How did attempts to change the champion end?',
            description: 'By outcome and the stage that decided, since the program started.',
            queries: [{ expr: 'sum by (outcome, decided_by) (ratchet_promotions_total)' }],
            unit: 'short',
            width: 12,
          }),
        ],
      },
      {
        heading: 'Where did candidates fall?',
        panels: [
          rows({
            title: 'What did the evaluation make of them?',
            description: 'Candidates accepted and refused, by the cause of their trigger.',
            queries: [{ expr: 'sum by (verdict, cause) (ratchet_candidates_judged_total)' }],
            unit: 'short',
          }),
          rows({
            title: 'What did the A/B test make of them?',
            description: 'Experiments by verdict; UNDECIDED and BLIND keep the champion.',
            queries: [{ expr: 'sum by (model, verdict) (ratchet_experiments_concluded_total{model=~"$model"})' }],
            unit: 'short',
          }),
          rows({
            title: 'How did the rollouts end?',
            description: 'Phases that rollouts entered.',
            queries: [{ expr: 'sum by (phase) (ratchet_rollouts_transitions_total)' }],
            unit: 'short',
          }),
        ],
      },
      {
        heading: 'Do the remedies work?',
        panels: [
          rows({
            title: 'Which remedy helps against which cause?',
            description:
              'Chance of success as past outcomes and the prior of the ladder have it; the cheapest expected success is tried first.',
            queries: [
              { expr: 'max by (model, cause, remedy) (ratchet_triggers_remedy_success_ratio{model=~"$model"})' },
            ],
            unit: 'percentunit',
            width: 16,
          }),
          now({
            title: 'How many versions are in the catalog?',
            description: 'Registered since the program started.',
            queries: [{ expr: 'sum by (kind) (ratchet_models_versions_registered_total)', legend: '{{kind}}' }],
            unit: 'short',
          }),
        ],
      },
    ],
  );
}
