import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { type Actor, isDigest } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { CandidateIntake } from '../../candidate-intake.js';
import type { Candidate } from '../../domain/candidate.js';
import { type ParetoPoint, paretoPoints } from '../../domain/pareto.js';
import { CandidateStore } from '../../ports.js';

const DIGEST = z
  .string()
  .refine((text) => isDigest(text), 'must be sha256: and 64 hexadecimal digits')
  .describe('sha256:<64 hexadecimal digits>');

const NewCandidate = z
  .strictObject({
    digest: DIGEST.describe('A version of the model, or an uploaded artifact, which is registered then.'),
    holdout: DIGEST.optional().describe('Snapshot file to evaluate it on; a fresh one is taken when absent.'),
  })
  .meta({ id: 'NewCandidate' });

/** Candidates with their evaluations, and the way to submit one by hand. */
@ApiTags('candidates')
@Controller('api/v1')
export class CandidatesController {
  constructor(
    private readonly candidates: CandidateStore,
    private readonly models: ModelStore,
    private readonly intake: CandidateIntake,
  ) {}

  @Summary('Candidates of a model, newest first.')
  @RequireRole('viewer')
  @Get('models/:model/candidates')
  async list(@Param('model') model: string): Promise<{ items: Candidate[] }> {
    await this.models.require(model);
    return { items: await this.candidates.list(model) };
  }

  @Summary('One candidate with its evaluation, or with the reasons why it was refused.')
  @RequireRole('viewer')
  @Get('candidates/:id')
  get(@Param('id') id: string): Promise<Candidate> {
    return this.candidates.require(id);
  }

  @Summary('The evaluated candidates by size, speed and quality, and which of them no other one beats in all three.')
  @RequireRole('viewer')
  @Get('models/:model/pareto')
  async pareto(@Param('model') model: string): Promise<{ items: ParetoPoint[] }> {
    await this.models.require(model);
    return { items: paretoPoints(await this.candidates.list(model)) };
  }

  @Summary('Submits a version by hand; it is evaluated like any other.')
  @RequireRole('operator')
  @Post('models/:model/candidates')
  submit(
    @Param('model') model: string,
    @Body({ schema: NewCandidate }) body: z.output<typeof NewCandidate>,
    @CurrentActor() actor: Actor,
  ): Promise<Candidate> {
    const holdout = body.holdout ?? null;
    return this.intake.submit(model, { digest: body.digest, holdout }, actor);
  }
}
