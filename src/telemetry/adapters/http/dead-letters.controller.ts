import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { type Actor, NotFound } from '../../../kernel/index.js';
import { CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { DeadLetterReplay, type ReplayReport } from '../../dead-letter-replay.js';
import { type DeadLetterFilter, HEAD_BYTES, notReplayable, type StoredDeadLetter } from '../../domain/dead-letter.js';
import { BAD_CLASSES } from '../../domain/event.js';
import { DeadLetterStore } from '../../ports.js';

/** Letters that one call replays at most: they are one transaction. */
const MAX_REPLAY = 500;

const filter = {
  model: z.string().max(256).optional().describe('Only letters about this model.'),
  class: z.enum(BAD_CLASSES).optional().describe('Only letters refused for this class of reason.'),
  topic: z.string().max(256).optional().describe('Only letters that came by this topic.'),
  since: z.iso.datetime({ offset: true }).optional().describe('Only letters at or after this time.'),
};
const lettersQuery = z.object({
  ...filter,
  replayed: z.stringbool().optional().describe('Only letters that were, or were not, replayed.'),
  before: z.coerce.number().int().positive().optional().describe('The `next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
const letterId = z.object({ id: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER) });
const reason = z.string().min(1).max(1000).describe('Why; for the audit log.');
const replayBody = z.object({ reason }).meta({ id: 'ReplayOne' });
const replayAllBody = z
  .object({
    reason,
    ...filter,
    limit: z.number().int().min(1).max(MAX_REPLAY).default(100).describe('At most so many, the newest first.'),
  })
  .meta({ id: 'ReplayMany' });

type Query_ = z.output<typeof lettersQuery>;

@ApiTags('telemetry')
@Controller('api/v1/telemetry/dead-letters')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLetterStore,
    private readonly replay: DeadLetterReplay,
  ) {}

  @Get()
  @RequireRole('viewer')
  @Summary('What was refused, newest first, with reason, place, hash and the first bytes')
  async list(
    @Query({ schema: lettersQuery }) query: Query_,
  ): Promise<{ readonly items: readonly object[]; readonly next: number | null }> {
    const { since, ...rest } = query;
    const time = since === undefined ? {} : { since: new Date(since) };
    const letters = await this.letters.list({ ...present(rest), ...time });
    const next = letters.length === query.limit ? (letters.at(-1)?.id ?? null) : null;
    return { items: letters.map(presentLetter), next };
  }

  @Get(':id')
  @RequireRole('viewer')
  @Summary('One refused event with its first bytes as text and in hexadecimal, and whether it can be replayed')
  async show(@Param({ schema: letterId }) { id }: z.output<typeof letterId>): Promise<object> {
    const letter = await this.require(id);
    const fault = notReplayable(letter);
    const hex = Buffer.from(letter.head).subarray(0, HEAD_BYTES).toString('hex');
    return { ...presentLetter(letter), headHex: hex, replayable: fault === null, notReplayable: fault };
  }

  @Post(':id/replay')
  @HttpCode(200)
  @RequireRole('operator')
  @Summary('Reads a refused event once more and feeds it in, once; what is refused again is a new dead letter')
  async replayOne(
    @Param({ schema: letterId }) { id }: z.output<typeof letterId>,
    @Body({ schema: replayBody }) body: z.output<typeof replayBody>,
    @CurrentActor() actor: Actor,
  ): Promise<ReplayReport> {
    return this.replay.one(await this.require(id), actor, body.reason);
  }

  @Post('replay')
  @HttpCode(200)
  @RequireRole('operator')
  @Summary('Replays refused events that were not replayed before, newest first, in one transaction')
  async replayMany(
    @Body({ schema: replayAllBody }) { reason: why, since, ...body }: z.output<typeof replayAllBody>,
    @CurrentActor() actor: Actor,
  ): Promise<ReplayReport> {
    const time = since === undefined ? {} : { since: new Date(since) };
    const letters = await this.letters.list(present({ ...body, ...time, replayed: false }));
    return this.replay.all(letters, actor, why);
  }

  private async require(id: number): Promise<StoredDeadLetter> {
    const letter = await this.letters.find(id);
    if (letter === null) throw new NotFound('dead letter', String(id));
    return letter;
  }
}

/** Without the fields that are absent. */
function present(
  query: { readonly [K in keyof DeadLetterFilter]?: DeadLetterFilter[K] | undefined } & { limit: number },
) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as DeadLetterFilter & { readonly limit: number };
}

function presentLetter({ head, ...letter }: StoredDeadLetter): object {
  return { ...letter, head: Buffer.from(head).subarray(0, HEAD_BYTES).toString('utf8') };
}
