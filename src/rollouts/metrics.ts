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

export const routePatchesTotal = counter({
  name: 'ratchet_rollouts_route_patches_total',
  help: 'Changes of routes on a cluster; overtaken = somebody else was faster, and the change was planned anew.',
  labels: ['kind', 'outcome'],
});

export const rolloutInfo = gauge({
  name: 'ratchet_rollouts_info',
  help: 'Phase of the newest rollout of a model: 1 for the phase that it is in, 0 for the others.',
  labels: ['model', 'phase'],
});

export const stepInfo = gauge({
  name: 'ratchet_rollouts_step',
  help: 'Step of the newest rollout, counted from 1, beside the last step of its policy; 0 = before the first.',
  labels: ['model', 'bound'],
});

export const stepSeconds = gauge({
  name: 'ratchet_rollouts_step_seconds',
  help: 'How long the open rollout has been in its present step or phase.',
  labels: ['model'],
});

export const blindSeconds = gauge({
  name: 'ratchet_rollouts_blind_seconds',
  help: 'How long the present step could not be seen, all in all.',
  labels: ['model'],
});

export const confirmBySeconds = gauge({
  name: 'ratchet_rollouts_confirm_by_seconds',
  help: 'Time until the data plane takes the traffic back unless the weight is confirmed; not a number when none is set.',
  labels: ['model'],
});

export const closingAttempts = gauge({
  name: 'ratchet_rollouts_closing_attempts',
  help: 'How often in a row the end of a rollout was stated without the data plane being seen to follow.',
  labels: ['model'],
});

export const decisionsTotal = counter({
  name: 'ratchet_rollouts_decisions_total',
  help: 'Decisions on record, by the phase that they led to.',
  labels: ['phase'],
});

export const routerErrorsTotal = counter({
  name: 'ratchet_rollouts_router_errors_total',
  help: 'Calls that a traffic router did not carry out.',
  labels: ['call'],
});

export const gateValue = gauge({
  name: 'ratchet_rollouts_gate_value',
  help: 'What a gate of the present step measured last, in the unit of its limit; not a number when there was nothing.',
  labels: ['model', 'gate'],
});

export const gateLimit = gauge({
  name: 'ratchet_rollouts_gate_limit',
  help: 'Limit of a gate of the present step.',
  labels: ['model', 'gate', 'bound'],
});

export const gateSamples = gauge({
  name: 'ratchet_rollouts_gate_samples',
  help: 'Samples behind the last reading of a gate of the present step; the smaller side where it compares two.',
  labels: ['model', 'gate'],
});

export const gateVerdict = gauge({
  name: 'ratchet_rollouts_gate_verdict',
  help: 'Verdict of the last reading of a gate of the present step: 1 for the one it gave, 0 for the others.',
  labels: ['model', 'gate', 'verdict'],
});

export const gateSourceInfo = gauge({
  name: 'ratchet_rollouts_gate_source_info',
  help: 'Where this process reads gates from: 1 for that source.',
  labels: ['source'],
});
