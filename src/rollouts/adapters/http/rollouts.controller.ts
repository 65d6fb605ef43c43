import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import type { Rollout } from '../../domain/rollout.js';
import { RolloutStore } from '../../ports.js';
import { RolloutControl } from '../../rollout-control.js';

const Reason = z
  .strictObject({ reason: z.string().trim().min(1).max(1_000).describe('Why; it goes on record.') })
  .meta({ id: 'RolloutRequest' });
type Reason = z.output<typeof Reason>;

/** Rollouts and what may be asked of them. */
@ApiTags('rollouts')
@Controller('api/v1')
export class RolloutsController {
  constructor(
    private readonly rollouts: RolloutStore,
    private readonly models: ModelStore,
    private readonly control: RolloutControl,
  ) {}

  @Summary('Rollouts of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/rollouts')
  async list(@Param('model') model: string): Promise<{ items: Rollout[] }> {
    await this.models.require(model);
    return { items: await this.rollouts.list(model) };
  }

  @Summary('One rollout with the evidence of its gates.')
  @RequireRole('viewer')
  @Get('rollouts/:id')
  get(@Param('id') id: string): Promise<Rollout> {
    return this.rollouts.require(id);
  }

  @Summary('Holds the present weight until somebody resumes.')
  @RequireRole('operator')
  @HttpCode(202)
  @Post('rollouts/:id/pause')
  pause(
    @Param('id') id: string,
    @Body({ schema: Reason }) body: Reason,
    @CurrentActor() actor: Actor,
  ): Promise<Rollout> {
    return this.control.ask(id, 'pause', actor, body.reason);
  }

  @Summary('Goes on with the step that was paused, on new evidence.')
  @RequireRole('operator')
  @HttpCode(202)
  @Post('rollouts/:id/resume')
  resume(
    @Param('id') id: string,
    @Body({ schema: Reason }) body: Reason,
    @CurrentActor() actor: Actor,
  ): Promise<Rollout> {
    return this.control.ask(id, 'resume', actor, body.reason);
  }

  @Summary('Gives all traffic back to the champion; wins over everything else.')
  @RequireRole('operator')
  @HttpCode(202)
  @Post('rollouts/:id/abort')
  abort(
    @Param('id') id: string,
    @Body({ schema: Reason }) body: Reason,
    @CurrentActor() actor: Actor,
  ): Promise<Rollout> {
    return this.control.ask(id, 'abort', actor, body.reason);
  }
}
