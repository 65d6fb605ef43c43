import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { NotFound } from '../../../kernel/index.js';
import { RequireRole, Summary } from '../../../platform/http/index.js';
import type { Route } from '../../domain/route.js';
import { GatewayStatus, RouteStore } from '../../ports.js';

@ApiTags('serving')
@Controller('api/v1')
export class RouteController {
  constructor(
    private readonly routes: RouteStore,
    private readonly gateways: GatewayStatus,
  ) {}

  @Get('models/:model/route')
  @RequireRole('viewer')
  @Summary(
    'The wanted route of a model, and the lowest epoch that every live gateway has in force (null: none is live).',
  )
  async route(@Param('model') model: string): Promise<Route & { epochInForce: number | null }> {
    const route = await this.routes.find(model);
    if (route === null) throw new NotFound('route of the model', model);
    return { ...route, epochInForce: await this.gateways.epochInForce(model) };
  }
}
