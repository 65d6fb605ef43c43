import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Body, Controller, Headers, Inject, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { type Actor, AuditLog, type Digest, InvalidInput, UnitOfWork } from '../../../kernel/index.js';
import { type SettingsOf } from '../../../platform/config/index.js';
import { BodyLimit, CurrentActor, RequireRole, Summary } from '../../../platform/http/index.js';
import { ArtifactTooLarge } from '../../domain/errors.js';
import { ArtifactStore } from '../../ports.js';
import { modelsSettings } from '../../settings.js';
import { writeBounded } from './write-bounded.js';

const StoredArtifact = z
  .object({ digest: z.string().describe('sha256:<64 hex digits>'), sizeBytes: z.int() })
  .meta({ id: 'StoredArtifact' });

@ApiTags('models')
@Controller('api/v1/artifacts')
export class ArtifactsController {
  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly audit: AuditLog,
    private readonly unitOfWork: UnitOfWork,
    @Inject(modelsSettings.token) private readonly settings: SettingsOf<typeof modelsSettings>,
  ) {}

  @Summary('Stores bytes under their digest. The same bytes again are the same artifact.')
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiCreatedResponse({ standardSchema: StoredArtifact })
  // The stream is bounded while it is read; Fastify's own bound would only look at what it buffers.
  @BodyLimit(2 * 1024 ** 3)
  @RequireRole('operator')
  @Post()
  async upload(
    @Body() body: unknown,
    @Headers('content-length') announced: string | undefined,
    @CurrentActor() actor: Actor,
  ): Promise<{ digest: Digest; sizeBytes: number }> {
    const limit = this.settings.artifactBytes;
    if (!(body instanceof Readable)) {
      throw new InvalidInput('The request', [{ path: '', message: 'must be application/octet-stream' }]);
    }
    if (Number(announced ?? 0) > limit) throw new ArtifactTooLarge(Number(announced), limit);
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-upload-'));
    try {
      const path = join(folder, 'artifact');
      await writeBounded(body, path, limit);
      const stored = await this.artifacts.putFile(path);
      await this.unitOfWork.run('models.upload', () =>
        this.audit.append({
          actor: actor.name,
          role: actor.role,
          action: 'models.upload',
          subject: `artifact/${stored.digest}`,
          reason: '',
          detail: { sizeBytes: stored.sizeBytes },
        }),
      );
      return stored;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
