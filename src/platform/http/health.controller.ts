import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ReadinessRegistry, registry } from '../observability/index.js';
import { Public } from './decorators.js';

/** What an orchestrator and Prometheus ask. */
@ApiExcludeController()
@Public()
@Controller()
export class HealthController {
  constructor(private readonly readiness: ReadinessRegistry) {}

  /** The process answers; says nothing about what it depends on. */
  @Get('livez')
  livez(): { status: string } {
    return { status: 'ok' };
  }

  /** Everything that requests need works. */
  @Get('readyz')
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const checks = await this.readiness.readings();
    const ready = checks.every((check) => check.ready);
    await reply.status(ready ? 200 : 503).send({ status: ready ? 'ok' : 'not ready', checks });
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.header('content-type', registry.contentType).send(await registry.metrics());
  }
}
