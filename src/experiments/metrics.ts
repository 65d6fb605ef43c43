import { counter, gauge } from '../platform/observability/index.js';

export const pairsCount = gauge({
  name: 'ratchet_experiments_pairs',
  help: 'Pairs that the running experiment of a model has judged.',
  labels: ['model'],
});

export const wealth = gauge({
  name: 'ratchet_experiments_wealth_ratio',
  help: 'Wealth of the bets of the running experiment; it concludes at one divided by alpha.',
  labels: ['model', 'bet'],
});

export const concludedTotal = counter({
  name: 'ratchet_experiments_concluded_total',
  help: 'Experiments by their verdict.',
  labels: ['verdict'],
});
