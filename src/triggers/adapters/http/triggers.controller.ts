import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { RECIPES, type Trigger, type TriggerDecision } from '../../domain/trigger.js';
import { TriggerStore } from '../../ports.js';
import { TriggerDesk } from '../../trigger-desk.js';

const MOST_DECISIONS = 200;

const OpenTrigger = z
  .strictObject({
    reason: z.string().trim().min(1).max(1000).describe('Why; it is kept in the trigger and the audit log.'),
    recipe: z.enum(RECIPES).default('quantize-static').describe('What to run.'),
  })
  .meta({ id: 'OpenTrigger' });

/** Triggers, the decisions around them, and the wish for one. */
@ApiTags('triggers')
@Controller('api/v1')
export class TriggersController {
  constructor(
    private readonly triggers: TriggerStore,
    private readonly models: ModelStore,
    private readonly desk: TriggerDesk,
  ) {}

  @Summary('Triggers of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/triggers')
  async list(@Param('model') model: string): Promise<{ items: Trigger[] }> {
    await this.models.require(model);
    return { items: await this.triggers.list(model) };
  }

  @Summary('What was decided about a model and why, newest first; also the decisions not to act.')
  @RequireRole('viewer')
  @Get('models/:model/decisions')
  async decisions(@Param('model') model: string): Promise<{ items: TriggerDecision[] }> {
    await this.models.require(model);
    return { items: await this.triggers.decisions(model, MOST_DECISIONS) };
  }

  @Summary('One trigger with its cause, its remedy and the findings as they stood.')
  @RequireRole('viewer')
  @Get('triggers/:id')
  get(@Param('id') id: string): Promise<Trigger> {
    return this.triggers.require(id);
  }

  @Summary('Opens a trigger by hand, whatever the monitors say; 409 while another one is open.')
  @RequireRole('operator')
  @HttpCode(201)
  @Post('models/:model/triggers')
  async open(
    @Param('model') model: string,
    @Body({ schema: OpenTrigger }) body: z.output<typeof OpenTrigger>,
    @CurrentActor() actor: Actor,
  ): Promise<Trigger> {
    await this.models.require(model);
    return this.desk.openByHand(model, body, actor);
  }
}
