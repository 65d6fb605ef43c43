import { Injectable } from '@nestjs/common';
import { type Actor, Clock, NotFound, type Role } from '../../../../kernel/index.js';
import { Database } from '../../../postgres/index.js';
import { newToken, parseToken, secretMatches } from '../../api-token.js';
import { LastAdminToken, TokensUnavailable } from '../../errors.js';
import { LastKnown } from '../../last-known.js';
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
/** The data plane goes on serving while the database is away, but not for ever by what was true before. */
const AWAY = { believedMs: 600_000, patienceMs: 500, pauseMs: 1_000 };
const USED_PRECISION_MS = 60_000;

@Injectable()
export class PostgresTokenStore extends TokenStore {
  private anyKnown = false;
  private noneUntil = 0;
  private readonly existence: LastKnown<boolean>;
  private readonly rows: LastKnown<Row | null>;
  /** Revoked here: an answer from before must not bring them back. */
  private readonly revoked = new Set<string>();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
    this.existence = new LastKnown(clock, AWAY);
    this.rows = new LastKnown<Row | null>(clock, AWAY, (row) => row !== null);
  }

  override async any(): Promise<boolean> {
    const now = this.clock.now().getTime();
    // Rows are never deleted, so a yes stays true.
    if (this.anyKnown || now < this.noneUntil) return this.anyKnown;
    const any = await this.existence.ask('any', () => this.askForAny()).catch(unavailable);
    this.anyKnown ||= any;
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
    return this.db.run('http.revoke-stored-token', async () => {
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
      this.db.afterCommit(() => this.revoked.add(id));
      return toToken(rows[0] as Row);
    });
  }

  override async authenticate(text: string): Promise<Actor | null> {
    const presented = parseToken(text);
    if (presented === null) return null;
    const { id, secret } = presented;
    const row = await this.rows.ask(id, () => this.find(id)).catch(unavailable);
    if (row === null || !secretMatches(secret, row.hash)) return null;
    const now = this.clock.now();
    if (row.revoked_at !== null || this.revoked.has(id)) return null;
    if (row.expires_at !== null && row.expires_at <= now) return null;
    await this.noteUse(row, now);
    return { name: row.name, role: row.role };
  }

  private async askForAny(): Promise<boolean> {
    const rows = await this.db.query<{ any: boolean }>('SELECT EXISTS (SELECT FROM platform.api_token) AS any');
    return rows[0]?.any === true;
  }

  private async find(id: string): Promise<Row | null> {
    const [row] = await this.db.query<Row>('SELECT * FROM platform.api_token WHERE id = $1', [id]);
    return row ?? null;
  }

  private async noteUse(row: Row, now: Date): Promise<void> {
    if (row.last_used_at !== null && now.getTime() - row.last_used_at.getTime() < USED_PRECISION_MS) return;
    // Only told to people; it must not fail a request.
    await this.db
      .query('UPDATE platform.api_token SET last_used_at = $2 WHERE id = $1', [row.id, now])
      .catch(() => undefined);
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

function unavailable(cause: unknown): never {
  throw new TokensUnavailable({ cause });
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
