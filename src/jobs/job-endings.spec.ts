import { expect, it } from '@jest/globals';
import { ImmediateUnitOfWork, RecordingFactBus } from '../kernel/testing/index.js';
import { createJob } from './domain/create-job.js';
import { failedFrom } from './domain/job-status.js';
import type { Job } from './domain/job.js';
import { JobEndings } from './job-endings.js';
import { FakeJobStore, FakeTriggerOutcomes } from './testing/fakes.js';
import { openTrigger, runningJob, T0 } from './testing/jobs.js';
import { digitsModel } from './testing/model.js';

class ChargedOutcomes extends FakeTriggerOutcomes {
  readonly charges: { trigger: string; runnerSeconds: number; gpuSeconds: number }[] = [];
  override async charge(trigger: string, runnerSeconds: number, gpuSeconds: number): Promise<void> {
    this.charges.push({ trigger, runnerSeconds, gpuSeconds });
  }
}

async function chargesOf(changes: Partial<Job['spec']>): Promise<ChargedOutcomes['charges']> {
  const running = runningJob();
  const job = { ...running, spec: { ...running.spec, ...changes } };
  const unitOfWork = new ImmediateUnitOfWork();
  const outcomes = new ChargedOutcomes();
  const endings = new JobEndings(new FakeJobStore(job), outcomes, new RecordingFactBus(unitOfWork), unitOfWork);
  if (job.status.phase !== 'Running') throw new Error('the builder makes a running job');
  const end = new Date(T0.getTime() + 40_000);
  await endings.end(job, failedFrom(job.status, 'no candidate', end, end));
  return outcomes.charges;
}

it('charges the trigger with runner time, and with no GPU time when the job has no GPU', async () => {
  expect(await chargesOf({})).toEqual([{ trigger: 'digits-t1', runnerSeconds: 40, gpuSeconds: 0 }]);
});

it('charges GPU time as seconds times GPUs', async () => {
  expect(await chargesOf({ gpus: 2 })).toEqual([{ trigger: 'digits-t1', runnerSeconds: 40, gpuSeconds: 80 }]);
});

it('asks for the GPUs that the remedy asks for', () => {
  const trigger = openTrigger();
  const withGpus = { ...trigger, spec: { ...trigger.spec, remedy: { ...trigger.spec.remedy, gpus: 2 } } };
  expect(createJob(withGpus, digitsModel(), T0).spec.gpus).toBe(2);
  expect(createJob(trigger, digitsModel(), T0).spec).not.toHaveProperty('gpus');
});
