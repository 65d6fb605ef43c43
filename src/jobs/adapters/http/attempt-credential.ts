import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/index.js';
import { RouteCredential, Unauthenticated } from '../../../platform/http/index.js';
import { AnothersAttempt } from '../../domain/errors.js';
import { hashOfToken } from '../exchange/attempt-token.js';
import { AttemptTable, type TokenHolder } from '../postgres/attempt-table.js';

/** Beyond the job's own time: to wait for a control plane that is away, and to send what came out. */
const DELIVERY_MS = 1_800_000;

/** Lets an attempt's token to the routes of that attempt, from its first call until its job's time is over. */
@Injectable()
export class AttemptCredential extends RouteCredential {
  constructor(
    private readonly table: AttemptTable,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async admit(bearer: string | null, parameters: Readonly<Record<string, string>>): Promise<void> {
    if (bearer === null)
      throw new Unauthenticated('This needs the token of the attempt: "Authorization: Bearer ra_…".');
    const hash = hashOfToken(bearer);
    const holder = hash === null ? null : await this.table.holderOf(hash);
    if (hash === null || holder === null || this.isOver(holder)) {
      throw new Unauthenticated("The attempt's token is unknown, void or expired.");
    }
    const named = parameters['attempt'] ?? '';
    if (holder.name !== named) throw new AnothersAttempt(named);
    if (holder.expiresAt === null) await this.start(hash, holder);
  }

  private isOver(holder: TokenHolder): boolean {
    return (holder.expiresAt ?? holder.unusedUntil) <= this.clock.now();
  }

  private async start(hash: Buffer, holder: TokenHolder): Promise<void> {
    const now = this.clock.now();
    await this.table.firstUse(hash, now, new Date(now.getTime() + holder.wallSeconds * 1000 + DELIVERY_MS));
  }
}
