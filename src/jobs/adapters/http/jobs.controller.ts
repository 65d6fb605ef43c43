import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary, TakesIfMatch } from '../../../platform/http/index.js';
import type { Job } from '../../domain/job.js';
import { JobIntake } from '../../job-intake.js';
import { JobStore } from '../../ports.js';

const CancelJob = z
  .strictObject({
    reason: z.string().trim().min(1).max(1000).describe('Why; it is kept in the audit log and the trigger.'),
  })
  .meta({ id: 'CancelJob' });

/** Jobs, and the wish to end one. */
@ApiTags('jobs')
@Controller('api/v1')
export class JobsController {
  constructor(
    private readonly jobs: JobStore,
    private readonly models: ModelStore,
    private readonly intake: JobIntake,
  ) {}

  @Summary('Jobs of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/jobs')
  async list(@Param('model') model: string): Promise<{ items: Job[] }> {
    await this.models.require(model);
    return { items: await this.jobs.list(model) };
  }

  @Summary('One job with its progress, its failures and, once it succeeded, its report.')
  @RequireRole('viewer')
  @Get('jobs/:id')
  get(@Param('id') id: string): Promise<Job> {
    return this.jobs.require(id);
  }

  @Summary('Ends a job; its runner is stopped by the next pass.')
  @RequireRole('operator')
  @HttpCode(202)
  @TakesIfMatch(JobStore)
  @Post('jobs/:id/cancel')
  cancel(
    @Param('id') id: string,
    @Body({ schema: CancelJob }) body: z.output<typeof CancelJob>,
    @CurrentActor() actor: Actor,
  ): Promise<Job> {
    return this.intake.cancel(id, actor, body.reason);
  }
}
