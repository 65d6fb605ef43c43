import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  FakeClock,
  ImmediateUnitOfWork,
  RecordingAuditLog,
  RecordingWorkQueue,
} from '../../../kernel/testing/index.js';
import { ModelStore } from '../../../models/index.js';
import { JobIntake } from '../../job-intake.js';
import { JobStore } from '../../ports.js';
import { FakeJobStore, FakeModelStore, FakeTriggerStore } from '../../testing/fakes.js';
import { as, openController } from '../../testing/http.js';
import { openTrigger, runningJob } from '../../testing/jobs.js';
import { digitsModel } from '../../testing/model.js';
import { JobsController } from './jobs.controller.js';

describe('JobsController', () => {
  let app: NestFastifyApplication;
  let audit: RecordingAuditLog;

  beforeEach(async () => {
    audit = new RecordingAuditLog();
    const jobs = new FakeJobStore(runningJob());
    const models = new FakeModelStore(digitsModel());
    const intake = new JobIntake({
      ...{ jobs, models, audit, triggers: new FakeTriggerStore(openTrigger()), queue: new RecordingWorkQueue() },
      ...{ unitOfWork: new ImmediateUnitOfWork(), clock: new FakeClock() },
    });
    app = await openController(JobsController, [
      { provide: JobStore, useValue: jobs },
      { provide: ModelStore, useValue: models },
      { provide: JobIntake, useValue: intake },
    ]);
  });
  afterEach(() => app.close());

  it('lists and shows jobs', async () => {
    const list = await app.inject(as('viewer', 'GET', '/models/digits/jobs'));
    expect(list.json().items).toMatchObject([{ id: 'digits-t1-job', status: { phase: 'Running' } }]);
    expect((await app.inject(as('viewer', 'GET', '/jobs/digits-t1-job'))).json()).toMatchObject({ model: 'digits' });
  });

  it('lets an operator cancel with a reason, and nobody below', async () => {
    const url = '/jobs/digits-t1-job/cancel';
    expect((await app.inject(as('viewer', 'POST', url, { reason: 'x' }))).statusCode).toBe(403);
    expect((await app.inject(as('operator', 'POST', url, {}))).statusCode).toBe(400);
    const cancelled = await app.inject(as('operator', 'POST', url, { reason: 'wrong model' }));
    expect([cancelled.statusCode, cancelled.json().spec.cancel]).toEqual([
      202,
      { by: 'operator', reason: 'wrong model' },
    ]);
    expect(audit.entries).toMatchObject([{ action: 'jobs.cancel', actor: 'operator', reason: 'wrong model' }]);
  });

  it.each(['/jobs/nobody', '/models/nobody/jobs'])('says that there is no %s', async (url) => {
    expect((await app.inject(as('viewer', 'GET', url))).statusCode).toBe(404);
  });
});
