import { counter, gauge } from '../platform/observability/index.js';

export const experimentsConcluded = counter({
  name: 'ratchet_experiments_concluded_total',
  help: 'Experiments that ended, by verdict.',
  labels: ['model', 'verdict'],
});

export const pairsEntered = counter({
  name: 'ratchet_experiments_entered_pairs_total',
  help: 'Pairs that entered a test, by what decided which side was right.',
  labels: ['model', 'truth'],
});

export const wealth = gauge({
  name: 'ratchet_experiments_wealth_ratio',
  help: 'Wealth of the bets of the running experiment; a claim is proven at 1/alpha.',
  labels: ['model', 'claim'],
});

export const pairsSeen = gauge({
  name: 'ratchet_experiments_test_pairs',
  help: 'Pairs in the test of the running or last experiment.',
  labels: ['model'],
});
