import { counter, gauge, histogram } from '../platform/observability/index.js';

export const jobsFinishedTotal = counter({
  name: 'ratchet_jobs_finished_total',
  help: 'Jobs that reached an end.',
  labels: ['recipe', 'phase'],
});

export const jobsWaiting = gauge({
  name: 'ratchet_jobs_waiting_jobs',
  help: 'Jobs that wait, by what for (slot, gpu, samples, quota, capacity, image, starting), as of the newest sweep.',
  labels: ['kind'],
});

export const jobsGpus = gauge({
  name: 'ratchet_jobs_running_gpus',
  help: 'GPUs of running jobs, those that wait for them included, as of the newest sweep.',
});

export const attemptsEndedTotal = counter({
  name: 'ratchet_jobs_attempts_ended_total',
  help: 'Attempts that ended, by what followed.',
  labels: ['recipe', 'result'],
});

export const jobsRunning = gauge({
  name: 'ratchet_jobs_running_jobs',
  help: 'Jobs in phase Running, as of the newest pass.',
});

export const runnerSecondsTotal = counter({
  name: 'ratchet_jobs_runner_seconds_total',
  help: 'Seconds that attempts ran, all jobs together.',
  labels: ['recipe'],
});

export const attemptSeconds = histogram({
  name: 'ratchet_jobs_attempt_seconds',
  help: 'How long one attempt ran.',
  labels: ['recipe'],
  buckets: [1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400],
});

export const orphansStoppedTotal = counter({
  name: 'ratchet_jobs_orphans_stopped_total',
  help: 'Running attempts that no job knew and that were stopped.',
});
