import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { REMEDY_NAMES } from '../../domain/remedy.js';
import type { TriggerCharge } from '../../domain/trigger-budget.js';
import type { Trigger, TriggerDecision } from '../../domain/trigger.js';
import { TriggerLedger, TriggerStore } from '../../ports.js';
import { type LadderStanding, RemedyBook } from '../../remedy-book.js';
import { TriggerDesk } from '../../trigger-desk.js';
import { StandingReader, type TriggerStanding } from '../../trigger-standing.js';

const MOST_DECISIONS = 200;

const OpenTrigger = z
  .strictObject({
    reason: z.string().trim().min(1).max(1000).describe('Why; it is kept in the trigger and the audit log.'),
    recipe: z
      .enum(REMEDY_NAMES)
      .default('quantize-static')
      .describe('What to run: a recipe, or one with the parameters of a rung of the ladder.'),
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
    private readonly ledger: TriggerLedger,
    private readonly book: RemedyBook,
    private readonly standing: StandingReader,
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

  @Summary(
    'What holds triggers back and until when: cool-down, quiet hours, open changes, and what is left of the budgets.',
  )
  @RequireRole('viewer')
  @Get('models/:model/trigger-budget')
  async budget(@Param('model') model: string): Promise<TriggerStanding> {
    return this.standing.read(await this.models.require(model));
  }

  @Summary(
    'The remedies of every cause in the order in which they would be tried, with what past outcomes say about each.',
  )
  @RequireRole('viewer')
  @Get('models/:model/remedies')
  async remedies(@Param('model') model: string): Promise<{ items: LadderStanding[] }> {
    return { items: await this.book.standings(await this.models.require(model)) };
  }

  @Summary('One trigger: cause, remedy, the findings as they stood, what it cost, and what came of it.')
  @RequireRole('viewer')
  @Get('triggers/:id')
  async get(@Param('id') id: string): Promise<Trigger & { charge: TriggerCharge | null }> {
    return { ...(await this.triggers.require(id)), charge: await this.ledger.chargeOf(id) };
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
    return this.desk.openByHand(model, { reason: body.reason, remedy: body.recipe }, actor);
  }
}
