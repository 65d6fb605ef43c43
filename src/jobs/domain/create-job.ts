import type { Model } from '../../models/index.js';
import type { Trigger } from '../../triggers/index.js';
import { attemptOf, type Job, jobOf } from './job.js';

/** The job that an open trigger leads to; the same for the same trigger and model document. */
export function createJob(trigger: Trigger, model: Model, now: Date): Job {
  const id = jobOf(trigger.id);
  const { wallSeconds, maxRssBytes, threads, maxAttempts, placement } = model.spec.jobs;
  const gpus = trigger.spec.remedy.gpus ?? model.spec.jobs.gpus ?? 0;
  return {
    id,
    model: trigger.model,
    spec: {
      trigger: trigger.id,
      recipe: trigger.spec.remedy.recipe,
      parameters: trigger.spec.remedy.parameters,
      reference: trigger.spec.reference,
      champion: trigger.spec.champion,
      freshSince: trigger.spec.freshSince,
      wallSeconds,
      maxRssBytes,
      threads,
      ...(gpus > 0 && { gpus }),
      ...(placement !== undefined && { placement }),
      maxAttempts,
      cancel: null,
    },
    status: {
      phase: 'Pending',
      attempt: attemptOf(id, 1),
      notBefore: now,
      snapshot: null,
      runnerSeconds: 0,
      failures: [],
    },
    revision: 0,
    createdAt: now,
    updatedAt: now,
  };
}
