import { Injectable } from '@nestjs/common';
import { type Actor, Clock, NotFound, type Role } from '../../../../kernel/index.js';
import { Database } from '../../../postgres/index.js';
import { newToken, parseToken, secretMatches } from '../../api-token.js';
import { LastAdminToken } from '../../errors.js';
import { type ApiToken, TokenStore } from '../../token-store.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly hash: Buffer;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

/** How long "there is no token" may be believed; on a laptop every request without a token asks. */
const NONE_BELIEVED_MS = 1_000;

@Injectable()
export class PostgresTokenStore extends TokenStore {
  private anyKnown = false;
  private noneUntil = 0;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async any(): Promise<boolean> {
    const now = this.clock.now().getTime();
    // Rows are never deleted, so a yes stays true.
    if (this.anyKnown || now < this.noneUntil) return this.anyKnown;
    const rows = await this.db.query<{ any: boolean }>('SELECT EXISTS (SELECT FROM platform.api_token) AS any');
    this.anyKnown = rows[0]?.any === true;
    this.noneUntil = now + NONE_BELIEVED_MS;
    return this.anyKnown;
  }

  override async list(): Promise<ApiToken[]> {
    const rows = await this.db.query<Row>('SELECT * FROM platform.api_token ORDER BY created_at DESC, id');
    return rows.map(toToken);
  }

  override async create(token: {
    name: string;
    role: Role;
    expiresAt: Date | null;
  }): Promise<ApiToken & { text: string }> {
    const { id, text, hash } = newToken();
    const rows = await this.db.query<Row>(
      `INSERT INTO platform.api_token (id, name, role, hash, created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING *`,
      [id, token.name, token.role, hash, this.clock.now(), token.expiresAt],
    );
    this.db.afterCommit(() => (this.anyKnown = true));
    return { ...toToken(rows[0] as Row), text };
  }

  override async revoke(id: string, keepAnAdmin: boolean): Promise<ApiToken> {
    return this.db.run(async () => {
      // One revocation at a time, or two of them could each think that the other's admin token stays.
      await this.db.query('LOCK TABLE platform.api_token IN SHARE ROW EXCLUSIVE MODE');
      const [row] = await this.db.query<Row>('SELECT * FROM platform.api_token WHERE id = $1', [id]);
      if (row === undefined) throw new NotFound('token', id);
      if (row.revoked_at !== null) return toToken(row);
      if (keepAnAdmin && row.role === 'admin' && !(await this.anotherAdmin(id))) throw new LastAdminToken(id);
      const rows = await this.db.query<Row>('UPDATE platform.api_token SET revoked_at = $2 WHERE id = $1 RETURNING *', [
        id,
        this.clock.now(),
      ]);
      return toToken(rows[0] as Row);
    });
  }

  override async authenticate(text: string): Promise<Actor | null> {
    const presented = parseToken(text);
    if (presented === null) return null;
    const [row] = await this.db.query<Row>('SELECT * FROM platform.api_token WHERE id = $1', [presented.id]);
    if (row === undefined || !secretMatches(presented.secret, row.hash)) return null;
    const now = this.clock.now();
    if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null;
    await this.db.query(
      `UPDATE platform.api_token SET last_used_at = $2::timestamptz
       WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')`,
      [row.id, now],
    );
    return { name: row.name, role: row.role };
  }

  private async anotherAdmin(id: string): Promise<boolean> {
    const rows = await this.db.query(
      `SELECT 1 FROM platform.api_token
       WHERE role = 'admin' AND id <> $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) LIMIT 1`,
      [id, this.clock.now()],
    );
    return rows.length > 0;
  }
}

function toToken(row: Row): ApiToken {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  };
}
