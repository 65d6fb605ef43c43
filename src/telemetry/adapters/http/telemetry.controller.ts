import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Clock, isDigest } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { RequireRole, Summary } from '../../../platform/http/index.js';
import { latencyQuantile } from '../../domain/latency-sketch.js';
import type { Window } from '../../domain/window.js';
import { WindowStore } from '../../ports.js';

const windowsQuery = z.object({
  version: z.string().refine(isDigest, 'must be a digest').optional(),
  seconds: z.coerce.number().positive().max(31_536_000).default(3600).describe('How far back, in seconds.'),
});

@ApiTags('telemetry')
@Controller('api/v1')
export class TelemetryController {
  constructor(
    private readonly windows: WindowStore,
    private readonly models: ModelStore,
    private readonly clock: Clock,
  ) {}

  @Get('models/:model/windows')
  @RequireRole('viewer')
  @Summary('Windows of a model, oldest first')
  async listWindows(
    @Param('model') model: string,
    @Query({ schema: windowsQuery }) query: z.output<typeof windowsQuery>,
  ): Promise<{ readonly items: readonly object[] }> {
    await this.models.require(model);
    const since = new Date(this.clock.now().getTime() - query.seconds * 1000);
    const windows =
      query.version === undefined
        ? await this.windows.listModel(model, since)
        : await this.windows.list(model, query.version, since);
    return { items: windows.map(presentWindow) };
  }
}

function presentWindow({ latency, ...window }: Window): object {
  const at = (q: number): number | null => latencyQuantile([{ latency }], q);
  return { ...window, latencyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) } };
}
