import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { RequireRole, Summary } from '../http/index.js';
import { AuditReader, type AuditRecord } from './audit-reader.js';
import type { ChainVerdict } from './chain.js';

const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.coerce.number().int().min(1).optional().describe('Only entries before this sequence number.'),
  subject: z.string().max(500).optional().describe('Only what was done to this, e.g. `model/digits`.'),
  actor: z.string().max(200).optional(),
});

@ApiTags('audit')
@RequireRole('viewer')
@Controller('api/v1/audit')
export class AuditController {
  constructor(private readonly reader: AuditReader) {}

  @Summary('Every change, newest first. `next` is the `before` of the following page, null on the last one.')
  @Get()
  async page(
    @Query({ schema: PageQuery }) query: z.output<typeof PageQuery>,
  ): Promise<{ items: AuditRecord[]; next: number | null }> {
    const { limit, before = null, subject = null, actor = null } = query;
    const items = await this.reader.page({ limit, before, subject, actor });
    return { items, next: items.length === limit ? (items.at(-1)?.seq ?? null) : null };
  }

  @Summary('Walks the hash chain and says where it is broken first, if it is.')
  @Get('verify')
  verify(): Promise<ChainVerdict> {
    return this.reader.verify();
  }
}
