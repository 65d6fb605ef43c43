import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../../../kernel/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { ApplyModel } from '../../apply-model.js';
import type { Model } from '../../domain/model.js';
import type { ChampionPeriod, Version } from '../../domain/version.js';
import { ChampionHistory, ModelStore, VersionCatalog } from '../../ports.js';
import { DocumentSchema, ModelName } from './model-document.js';
import { parseModelDocument } from './parse-model-document.js';

const HistoryQuery = z.strictObject({
  at: z.iso.datetime({ offset: true }).optional().describe('Only the period that contains this time.'),
});

/** A model as people see it. */
interface ModelView {
  readonly id: string;
  readonly spec: Model['spec'];
  readonly status: Model['status'];
  readonly champion: ChampionPeriod | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

@ApiTags('models')
@Controller('api/v1/models')
export class ModelsController {
  constructor(
    private readonly models: ModelStore,
    private readonly versions: VersionCatalog,
    private readonly champions: ChampionHistory,
    private readonly applyModel: ApplyModel,
  ) {}

  @Summary('Every model, with the version that serves it.')
  @RequireRole('viewer')
  @Get()
  async list(): Promise<{ items: ModelView[] }> {
    return { items: await Promise.all((await this.models.list()).map((model) => this.view(model))) };
  }

  @Summary('One model, with the version that serves it.')
  @RequireRole('viewer')
  @Get(':model')
  async get(@Param('model') name: string): Promise<ModelView> {
    return this.view(await this.models.require(name));
  }

  @Summary('Creates or changes a model by its document. Applying the same document again changes nothing.')
  @ApiBody({ standardSchema: DocumentSchema } as object)
  @RequireRole('operator')
  @Put(':model')
  async apply(
    @Param('model', { schema: ModelName }) name: string,
    @Body() body: unknown,
    @CurrentActor() actor: Actor,
  ): Promise<ModelView & { change: 'created' | 'updated' | 'unchanged' }> {
    const document = parseModelDocument(body, name);
    const { model, change } = await this.applyModel.apply(name, document.spec, actor);
    return { ...(await this.view(model)), change };
  }

  @Summary('The versions of a model, newest first, with where each came from.')
  @RequireRole('viewer')
  @Get(':model/versions')
  async listVersions(@Param('model') name: string): Promise<{ items: Version[] }> {
    await this.models.require(name);
    return { items: await this.versions.list(name) };
  }

  @Summary('Which version served when, newest first; with `at`, what served at that time.')
  @RequireRole('viewer')
  @Get(':model/history')
  async history(
    @Param('model') name: string,
    @Query({ schema: HistoryQuery }) { at }: z.output<typeof HistoryQuery>,
  ): Promise<{ items: ChampionPeriod[] }> {
    await this.models.require(name);
    if (at === undefined) return { items: await this.champions.list(name) };
    const period = await this.champions.servingAt(name, new Date(at));
    return { items: period === null ? [] : [period] };
  }

  private async view({ id, spec, status, createdAt, updatedAt }: Model): Promise<ModelView> {
    return { id, spec, status, champion: await this.champions.current(id), createdAt, updatedAt };
  }
}
