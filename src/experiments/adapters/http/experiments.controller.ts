import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ModelStore } from '../../../models/index.js';
import { RequireRole, Summary } from '../../../platform/http/index.js';
import type { Experiment } from '../../domain/experiment.js';
import { ExperimentStore } from '../../ports.js';

/** Experiments are started and ended by the loop; people look. */
@ApiTags('experiments')
@Controller('api/v1')
export class ExperimentsController {
  constructor(
    private readonly experiments: ExperimentStore,
    private readonly models: ModelStore,
  ) {}

  @Summary('Experiments of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/experiments')
  async list(@Param('model') model: string): Promise<{ items: Experiment[] }> {
    await this.models.require(model);
    return { items: await this.experiments.list(model) };
  }

  @Summary('One experiment with its plan, its reading and, once it ended, its verdict.')
  @RequireRole('viewer')
  @Get('experiments/:id')
  get(@Param('id') id: string): Promise<Experiment> {
    return this.experiments.require(id);
  }
}
