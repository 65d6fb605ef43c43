import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ChampionHistory, ModelStore } from '../../../models/index.js';
import { RequireRole, Summary } from '../../../platform/http/index.js';
import type { Finding } from '../../domain/finding.js';
import { FindingStore } from '../../ports.js';

/** What the monitors state about the version that serves. */
@ApiTags('monitors')
@Controller('api/v1')
export class FindingsController {
  constructor(
    private readonly findings: FindingStore,
    private readonly models: ModelStore,
    private readonly history: ChampionHistory,
  ) {}

  @Summary('What each monitor states about the champion of a model, with its evidence and its false-alarm level.')
  @RequireRole('viewer')
  @Get('models/:model/findings')
  async list(@Param('model') model: string): Promise<{ items: Finding[] }> {
    await this.models.require(model);
    const period = await this.history.current(model);
    if (period === null) return { items: [] };
    const findings = await this.findings.list(model, period.champion);
    return { items: findings.filter((finding) => finding.observedAt >= period.from) };
  }
}
