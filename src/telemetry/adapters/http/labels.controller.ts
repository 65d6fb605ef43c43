import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { RequireRole, Summary } from '../../../platform/http/index.js';
import { LabelIntake } from '../../ports.js';

const labelsBody = z
  .object({
    labels: z
      .array(
        z.object({
          requestId: z
            .string()
            .min(1)
            .max(256)
            .regex(/^[^\0]*$/u, 'must not contain NUL'),
          label: z.number(),
        }),
      )
      .min(1)
      .max(1000)
      .describe('At most 1,000 a call. The first label of a request wins.'),
  })
  .meta({ id: 'Labels' });

/** Labels are data, like events, and not changes of what the program does: they are counted, not audited. */
@ApiTags('telemetry')
@Controller('api/v1')
export class LabelsController {
  constructor(private readonly labels: LabelIntake) {}

  @Post('models/:model/labels')
  @HttpCode(202)
  @RequireRole('operator')
  @Summary('Takes labels of earlier requests, in any order and also before their answers; durable when it answers')
  async post(
    @Param('model') model: string,
    @Body({ schema: labelsBody }) body: z.output<typeof labelsBody>,
  ): Promise<{ readonly taken: number }> {
    await this.labels.accept(model, body.labels);
    return { taken: body.labels.length };
  }
}
