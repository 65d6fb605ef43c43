import { Body, Controller, Delete, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { type Actor, AuditLog, Clock, InvalidInput, ROLES, UnitOfWork } from '../../kernel/index.js';
import { type SettingsOf } from '../config/index.js';
import { CurrentActor, RequireRole, Summary } from './decorators.js';
import { FirstTokenNotAdmin } from './errors.js';
import { SecretAnswer } from './revisions.js';
import { httpSettings } from './settings.js';
import { type ApiToken, TokenStore } from './token-store.js';

const NewToken = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits, "." and "-"'),
    role: z.enum(ROLES),
    expiresAt: z.iso.datetime({ offset: true }).optional().describe('When it stops working; never, when absent.'),
  })
  .meta({ id: 'NewToken' });

const CreatedToken = z
  .object({ id: z.string(), name: z.string(), role: z.enum(ROLES), token: z.string().describe('Shown this once.') })
  .meta({ id: 'CreatedToken' });

/** API tokens, for admins. */
@ApiTags('tokens')
@RequireRole('admin')
@Controller('api/v1/tokens')
export class TokensController {
  constructor(
    private readonly tokens: TokenStore,
    private readonly audit: AuditLog,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    @Inject(httpSettings.token) private readonly settings: SettingsOf<typeof httpSettings>,
  ) {}

  @Summary('The tokens, newest first; never their secrets.')
  @Get()
  async list(): Promise<{ items: ApiToken[] }> {
    return { items: await this.tokens.list() };
  }

  @Summary('Creates a token and shows its text this once.')
  @ApiCreatedResponse({ standardSchema: CreatedToken })
  @SecretAnswer()
  @Post()
  async create(
    @Body({ schema: NewToken }) wanted: z.output<typeof NewToken>,
    @CurrentActor() actor: Actor,
  ): Promise<Omit<ApiToken, 'lastUsedAt' | 'revokedAt'> & { token: string }> {
    const expiresAt = wanted.expiresAt === undefined ? null : new Date(wanted.expiresAt);
    if (expiresAt !== null && expiresAt <= this.clock.now()) {
      throw new InvalidInput('The request', [{ path: 'expiresAt', message: 'must be in the future' }]);
    }
    return this.unitOfWork.run('http.create-token', async () => {
      const lasting = wanted.role === 'admin' && expiresAt === null;
      if (!lasting && this.settings.bootstrapToken === undefined && !(await this.tokens.any())) {
        throw new FirstTokenNotAdmin(wanted.role);
      }
      const { text, id, name, role, createdAt } = await this.tokens.create({ ...wanted, expiresAt });
      await this.append(actor, 'tokens.create', id, { name, role, expiresAt });
      return { id, name, role, createdAt, expiresAt, token: text };
    });
  }

  @Summary('Revokes a token at once and for good.')
  @Delete(':id')
  async revoke(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<ApiToken> {
    return this.unitOfWork.run('http.revoke-token', async () => {
      const token = await this.tokens.revoke(id, this.settings.bootstrapToken === undefined);
      await this.append(actor, 'tokens.revoke', id, { name: token.name, role: token.role });
      return token;
    });
  }

  private async append(actor: Actor, action: string, id: string, detail: Record<string, unknown>): Promise<void> {
    await this.audit.append({
      actor: actor.name,
      role: actor.role,
      action,
      subject: `token/${id}`,
      reason: '',
      detail,
    });
  }
}
