import { counter, gauge } from '../platform/observability/index.js';

export const setWeightRatio = gauge({
  name: 'ratchet_rollouts_set_weight_ratio',
  help: 'Share of traffic that the open rollout wants for its candidate.',
  labels: ['model'],
});

export const actualWeightRatio = gauge({
  name: 'ratchet_rollouts_actual_weight_ratio',
  help: 'Share of traffic that the data plane gives the candidate; not a number when it cannot be seen.',
  labels: ['model'],
});

export const transitionsTotal = counter({
  name: 'ratchet_rollouts_transitions_total',
  help: 'Rollouts that entered a phase.',
  labels: ['phase'],
});

export const gateVerdictsTotal = counter({
  name: 'ratchet_rollouts_gate_verdicts_total',
  help: 'Readings of gates by kind and verdict.',
  labels: ['gate', 'verdict'],
});
