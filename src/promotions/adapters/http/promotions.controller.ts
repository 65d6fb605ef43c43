import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { ChampionHistory, ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary, TakesIfMatch } from '../../../platform/http/index.js';
import type { Promotion, PromotionRecord } from '../../domain/promotion.js';
import { remainingBudget } from '../../domain/quality-ledger.js';
import { type Charge, PromotionStore, QualityLedger, RecordStore } from '../../ports.js';
import { PromotionEndings } from '../../promote.js';
import { PromotionRollback } from '../../roll-back-promotion.js';

const Decision = z
  .strictObject({ reason: z.string().trim().min(1).max(1_000).describe('Why; it goes on record.') })
  .meta({ id: 'PromotionDecision' });

const Approval = Decision.extend({
  overrideBudget: z
    .boolean()
    .default(false)
    .describe('Promote although it costs more than the quality budget has left; it goes on record.'),
}).meta({ id: 'PromotionApproval' });

/** Promotions, the records of every attempt, and the quality budget. */
@ApiTags('promotions')
@Controller('api/v1')
export class PromotionsController {
  constructor(
    private readonly promotions: PromotionStore,
    private readonly records: RecordStore,
    private readonly ledger: QualityLedger,
    private readonly endings: PromotionEndings,
    private readonly rollback: PromotionRollback,
    private readonly models: ModelStore,
    private readonly champions: ChampionHistory,
  ) {}

  @Summary('Promotions of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/promotions')
  async list(@Param('model') model: string): Promise<{ items: Promotion[] }> {
    await this.models.require(model);
    return { items: await this.promotions.list(model) };
  }

  @Summary('One promotion.')
  @RequireRole('viewer')
  @Get('promotions/:id')
  get(@Param('id') id: string): Promise<Promotion> {
    return this.promotions.require(id);
  }

  @Summary('Promotes the candidate: it serves as champion from now on.')
  @RequireRole('approver')
  @HttpCode(200)
  @TakesIfMatch(PromotionStore)
  @Post('promotions/:id/approve')
  approve(
    @Param('id') id: string,
    @Body({ schema: Approval }) body: z.output<typeof Approval>,
    @CurrentActor() actor: Actor,
  ): Promise<Promotion> {
    return this.endings.promote(id, { ...actor, ...body });
  }

  @Summary('Turns the candidate away; traffic goes back to the champion.')
  @RequireRole('approver')
  @HttpCode(200)
  @TakesIfMatch(PromotionStore)
  @Post('promotions/:id/reject')
  reject(
    @Param('id') id: string,
    @Body({ schema: Decision }) body: z.output<typeof Decision>,
    @CurrentActor() actor: Actor,
  ): Promise<Promotion> {
    return this.endings.reject(id, { ...actor, reason: body.reason });
  }

  @Summary('Takes a promotion back: the champion that it replaced serves again. Asks no gate.')
  @RequireRole('operator')
  @HttpCode(200)
  @TakesIfMatch(PromotionStore)
  @Post('promotions/:id/rollback')
  rollBack(
    @Param('id') id: string,
    @Body({ schema: Decision }) body: z.output<typeof Decision>,
    @CurrentActor() actor: Actor,
  ): Promise<Promotion> {
    return this.rollback.rollBack(id, { ...actor, reason: body.reason });
  }

  @Summary('How attempts to change the champion ended, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/records')
  async listRecords(@Param('model') model: string): Promise<{ items: Omit<PromotionRecord, 'evidence'>[] }> {
    await this.models.require(model);
    const records = await this.records.list(model);
    return { items: records.map(({ evidence: _, ...record }) => record) };
  }

  @Summary('One record with all its evidence; its id is the candidate’s.')
  @RequireRole('viewer')
  @Get('records/:id')
  getRecord(@Param('id') id: string): Promise<PromotionRecord> {
    return this.records.require(id);
  }

  @Summary('What is left of the quality budget against the present reference, and what it was spent on.')
  @RequireRole('viewer')
  @Get('models/:model/budget')
  async budget(
    @Param('model') name: string,
  ): Promise<{ maxLoss: number; spent: number; remaining: number; charges: Charge[] }> {
    const { spec } = await this.models.require(name);
    const current = await this.champions.current(name);
    const charges = current === null ? [] : await this.ledger.list(name, current.reference);
    const spent = charges.find((charge) => charge.champion === current?.champion)?.loss ?? 0;
    const { maxLoss } = spec.objectives.qualityBudget;
    return { maxLoss, spent, remaining: remainingBudget(maxLoss, spent), charges };
  }
}
