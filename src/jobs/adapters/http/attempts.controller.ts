import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Put, Res, StreamableFile } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Clock, InvalidInput, isDigest, NotFound } from '../../../kernel/index.js';
import { ArtifactStore } from '../../../models/index.js';
import { BodyLimit, RawBody, RequireCredential, Summary } from '../../../platform/http/index.js';
import { AttemptEnded } from '../../domain/errors.js';
import { AttemptUploads, PART_BYTES, type SentFile } from '../exchange/attempt-uploads.js';
import { inputsOf } from '../exchange/input-files.js';
import { AttemptTable } from '../postgres/attempt-table.js';
import { MOST_REPORT_BYTES } from '../process/read-report.js';
import { AttemptEnd, AttemptFile, AttemptHeartbeat } from './attempt-bodies.js';
import { AttemptCredential } from './attempt-credential.js';
import { rangeOf } from './byte-range.js';

const FILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** What an attempt on another machine reads and writes: its document, the files that this names, and what comes of them. */
@ApiTags('attempts')
@RequireCredential(AttemptCredential, 'attempt')
@Controller('api/v1/attempts/:attempt')
export class AttemptsController {
  constructor(
    private readonly table: AttemptTable,
    private readonly uploads: AttemptUploads,
    private readonly artifacts: ArtifactStore,
    private readonly clock: Clock,
  ) {}

  @Summary('The job document; the paths in it are relative, `inputs/<64 hex digits>`.')
  @Get('document')
  document(@Param('attempt') attempt: string): Promise<Readonly<Record<string, unknown>>> {
    return this.require(attempt);
  }

  @Summary('Bytes of a file that the job document names; one `Range: bytes=N-` is understood.')
  @ApiProduces('application/octet-stream')
  @Get('inputs/:digest')
  async input(
    @Param('attempt') attempt: string,
    @Param('digest') digest: string,
    @Headers('range') range: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const document = await this.require(attempt);
    if (!isDigest(digest) || !inputsOf(document).has(digest)) throw new NotFound('input', digest);
    const path = await this.artifacts.verifiedPath(digest);
    const { size } = await stat(path);
    const part = rangeOf(range, size);
    void reply.header('accept-ranges', 'bytes').header('etag', `"${digest}"`);
    if (part !== null) {
      void reply.status(206).header('content-range', `bytes ${part.start}-${part.end}/${size}`);
    }
    const { start, end } = part ?? { start: 0, end: size - 1 };
    return new StreamableFile(createReadStream(path, { start, end: Math.max(start, end) }), {
      type: 'application/octet-stream',
      length: end - start + 1,
    });
  }

  @Summary('A sign of life with what is new; `ended` says that nothing more is wanted.')
  @HttpCode(200)
  @Post('heartbeat')
  async heartbeat(
    @Param('attempt') attempt: string,
    @Body({ schema: AttemptHeartbeat }) beat: z.output<typeof AttemptHeartbeat>,
  ): Promise<{ ended: boolean }> {
    return { ended: !(await this.table.beat(attempt, beat, this.clock.now())) };
  }

  @Summary('Stores bytes of this digest, at most 32 MiB; the same again are the same part.')
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  // The stream is bounded while it is read.
  @BodyLimit(2 * PART_BYTES)
  @Put('parts/:digest')
  part(
    @Param('attempt') attempt: string,
    @Param('digest') digest: string,
    @Body() body: unknown,
  ): Promise<{ sizeBytes: number }> {
    if (!(body instanceof Readable)) throw invalid('', 'must be application/octet-stream');
    if (!isDigest(digest)) throw invalid('digest', 'must be sha256: and 64 hexadecimal digits');
    return this.uploads.putPart(attempt, digest, body);
  }

  @Summary('Says that parts, in this order, are a file of this digest. Idempotent; another digest replaces the file.')
  @Put('files/:file')
  async file(
    @Param('attempt') attempt: string,
    @Param('file') file: string,
    @Body({ schema: AttemptFile }) body: z.output<typeof AttemptFile>,
  ): Promise<{ file: string }> {
    if (!FILE.test(file)) throw invalid('file', 'must be letters, digits, dots, dashes and underscores');
    await this.uploads.putFile(attempt, file, body as SentFile);
    return { file };
  }

  @Summary('What has arrived, so that only the rest is sent.')
  @Get('files')
  files(@Param('attempt') attempt: string): ReturnType<AttemptUploads['arrived']> {
    return this.uploads.arrived(attempt);
  }

  @Summary('Keeps `report.json` as it is; it is read once the attempt has ended well.')
  @ApiConsumes('application/json')
  @ApiBody({ schema: { type: 'object' } })
  @RawBody(MOST_REPORT_BYTES)
  @Put('report')
  async report(@Param('attempt') attempt: string, @Body() body: unknown): Promise<{ sizeBytes: number }> {
    if (!Buffer.isBuffer(body)) throw invalid('', 'must be the bytes of report.json');
    if (!(await this.table.keepReport(attempt, body, this.clock.now()))) throw new AttemptEnded(attempt);
    return { sizeBytes: body.length };
  }

  @Summary('The last word. The first one counts; the answer says which it was.')
  @ApiOkResponse({ description: 'How the attempt ended.' })
  @HttpCode(200)
  @Post('end')
  async end(
    @Param('attempt') attempt: string,
    @Body({ schema: AttemptEnd }) { exitCode, error }: z.output<typeof AttemptEnd>,
  ): Promise<{ exitCode: number | null }> {
    const said = error === null ? null : [error.message, ...error.faults.slice(0, 20)].join('; ').slice(0, 2000);
    await this.table.end(attempt, exitCode, said, this.clock.now());
    return { exitCode: (await this.table.state(attempt))?.exitCode ?? null };
  }

  private async require(attempt: string): Promise<Readonly<Record<string, unknown>>> {
    const document = await this.table.document(attempt);
    if (document === null) throw new NotFound('attempt', attempt);
    return document;
  }
}

function invalid(path: string, message: string): InvalidInput {
  return new InvalidInput('The request', [{ path, message }]);
}
