import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary, TakesIfMatch } from '../../../platform/http/index.js';
import type { Rollout } from '../../domain/rollout.js';
import { DecisionLog, type DecisionRecord, RolloutStore, type RolloutVerb } from '../../ports.js';
import { RolloutControl } from '../../rollout-control.js';
import { RolloutRetry } from '../../rollout-retry.js';
import { type RolloutView, RolloutViews } from '../../rollout-view.js';

const Reason = z
  .strictObject({ reason: z.string().trim().min(1).max(1_000).describe('Why; it goes on record.') })
  .meta({ id: 'RolloutRequest' });
type Reason = z.output<typeof Reason>;

const DecisionQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('Only those after this seq.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

/** Rollouts and what may be asked of them. Verbs are taken at once and carried out by the next pass. */
@ApiTags('rollouts')
@Controller('api/v1')
export class RolloutsController {
  constructor(
    private readonly rollouts: RolloutStore,
    private readonly decisions: DecisionLog,
    private readonly models: ModelStore,
    private readonly control: RolloutControl,
    private readonly retries: RolloutRetry,
    private readonly views: RolloutViews,
  ) {}

  @Summary('Rollouts of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/rollouts')
  async list(@Param('model') model: string): Promise<{ items: Rollout[] }> {
    await this.models.require(model);
    return { items: await this.rollouts.list(model) };
  }

  @Summary('One rollout: set and actual weight, the evidence of its gates, and the schedule ahead.')
  @RequireRole('viewer')
  @Get('rollouts/:id')
  async get(@Param('id') id: string): Promise<RolloutView> {
    return this.views.view(await this.rollouts.require(id));
  }

  @Summary('Every decision about a rollout with what it rested on, oldest first.')
  @RequireRole('viewer')
  @Get('rollouts/:id/decisions')
  async listDecisions(
    @Param('id') id: string,
    @Query({ schema: DecisionQuery }) { after, limit }: z.output<typeof DecisionQuery>,
  ): Promise<{ items: DecisionRecord[] }> {
    await this.rollouts.require(id);
    return { items: await this.decisions.list(id, after, limit) };
  }

  @Summary('Lets the first step begin when it waits for an approval; one that goes already stays as it is.')
  @RequireRole('approver')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/start')
  start(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'start', body, actor);
  }

  @Summary('Holds the present weight until somebody resumes; guardrails go on watching.')
  @RequireRole('operator')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/pause')
  pause(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'pause', body, actor);
  }

  @Summary('Goes on with the step that was paused, on new evidence; overrules the signals that paused it.')
  @RequireRole('operator')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/resume')
  resume(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'resume', body, actor);
  }

  @Summary('Leaves out the rest of the present hold; never past a gate that fails or cannot see.')
  @RequireRole('approver')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/advance')
  advance(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'advance', body, actor);
  }

  @Summary('Lets the step begin that waits for an approval.')
  @RequireRole('approver')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/approve')
  approve(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'approve', body, actor);
  }

  @Summary('Promotes now, leaving out the other steps; needs a PASS of every guardrail.')
  @RequireRole('approver')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/promote')
  promote(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'promote', body, actor);
  }

  @Summary('Gives all traffic back to the champion; wins over everything else.')
  @RequireRole('operator')
  @TakesIfMatch(RolloutStore)
  @HttpCode(202)
  @Post('rollouts/:id/abort')
  abort(@Param('id') id: string, @Body({ schema: Reason }) body: Reason, @CurrentActor() actor: Actor) {
    return this.ask(id, 'abort', body, actor);
  }

  @Summary('Tries the candidate again after its rollout went back or was aborted: a new rollout by the present policy.')
  @RequireRole('operator')
  @TakesIfMatch(RolloutStore)
  @HttpCode(201)
  @Post('rollouts/:id/retry')
  retry(
    @Param('id') id: string,
    @Body({ schema: Reason }) body: Reason,
    @CurrentActor() actor: Actor,
  ): Promise<Rollout> {
    return this.retries.retry(id, actor, body.reason);
  }

  private ask(id: string, verb: RolloutVerb, { reason }: Reason, actor: Actor): Promise<Rollout> {
    return this.control.ask(id, verb, actor, reason);
  }
}
