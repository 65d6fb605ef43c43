import { Injectable } from '@nestjs/common';
import { type AuditEntry, AuditLog, Clock } from '../../../../kernel/index.js';
import { Database } from '../../../postgres/index.js';
import { entryHash, storable } from '../../chain.js';

/** Appends to the chain in the transaction of the change; one append at a time, in whichever process. */
@Injectable()
export class PostgresAuditLog extends AuditLog {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async append(entry: AuditEntry): Promise<void> {
    if (!this.db.inTransaction)
      throw new Error(`"${entry.action}" must be recorded inside the unit of work of its change.`);
    await this.db.query(`SELECT pg_advisory_xact_lock(hashtextextended('platform.audit_entry', 0))`);
    const [head] = await this.db.query<{ seq: string; hash: Buffer }>('SELECT seq, hash FROM platform.audit_head');
    if (head === undefined) throw new Error('The head of the audit log is missing.');
    const { actor, role, action, subject, reason, detail } = storable(JSON.parse(JSON.stringify(entry))) as AuditEntry;
    const row = { seq: Number(head.seq) + 1, at: this.clock.now(), actor, role, action, subject, reason, detail };
    const hash = entryHash(head.hash, row);
    await this.db.query(
      `INSERT INTO platform.audit_entry (seq, at, actor, role, action, subject, reason, detail, prev_hash, hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [row.seq, row.at, actor, role, action, subject, reason, JSON.stringify(detail), head.hash, hash],
    );
    await this.db.query('UPDATE platform.audit_head SET seq = $1, hash = $2', [row.seq, hash]);
  }
}
