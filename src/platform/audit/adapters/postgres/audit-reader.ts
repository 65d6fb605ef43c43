import { Injectable } from '@nestjs/common';
import type { Role } from '../../../../kernel/index.js';
import { Database } from '../../../postgres/index.js';
import { AuditReader, type AuditRecord } from '../../audit-reader.js';
import { CHAIN_START, type ChainedEntry, type ChainPosition, type ChainVerdict, follow } from '../../chain.js';

interface Row {
  readonly seq: string;
  readonly at: Date;
  readonly actor: string;
  readonly role: Role | 'system';
  readonly action: string;
  readonly subject: string;
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

const BATCH = 1_000;

@Injectable()
export class PostgresAuditReader extends AuditReader {
  constructor(private readonly db: Database) {
    super();
  }

  override async page(query: Parameters<AuditReader['page']>[0]): Promise<AuditRecord[]> {
    const rows = await this.db.query<Row>(
      `SELECT * FROM platform.audit_entry
       WHERE ($2::bigint IS NULL OR seq < $2) AND ($3::text IS NULL OR subject = $3) AND ($4::text IS NULL OR actor = $4)
       ORDER BY seq DESC LIMIT $1`,
      [query.limit, query.before, query.subject, query.actor],
    );
    return rows.map((row) => {
      const { prevHash: _, hash, ...entry } = toEntry(row);
      return { ...entry, hash: hash.toString('hex') };
    });
  }

  override async verify(): Promise<ChainVerdict> {
    // The head first: what is appended meanwhile may lie beyond it, but nothing before it may be missing.
    const [head] = await this.db.query<{ seq: string; hash: Buffer }>('SELECT seq, hash FROM platform.audit_head');
    const headSeq = Number(head?.seq ?? 0);
    let position: ChainPosition = CHAIN_START;
    for (;;) {
      const rows = await this.db.query<Row>('SELECT * FROM platform.audit_entry WHERE seq > $1 ORDER BY seq LIMIT $2', [
        position.seq,
        BATCH,
      ]);
      for (const row of rows) {
        const next = follow(position, toEntry(row));
        if ('intact' in next) return next;
        if (next.seq === headSeq && head?.hash.equals(next.hash) !== true) {
          return { intact: false, seq: next.seq, reason: `entry ${next.seq} is not the one that the log ended with` };
        }
        position = next;
      }
      if (rows.length < BATCH) break;
    }
    if (position.seq < headSeq) {
      const seq = position.seq + 1;
      return { intact: false, seq, reason: `entry ${seq} is missing: the log ended with entry ${headSeq}` };
    }
    return { intact: true, entries: position.seq, head: position.hash.toString('hex') };
  }
}

function toEntry({ prev_hash, seq, ...row }: Row): ChainedEntry {
  return { ...row, seq: Number(seq), prevHash: prev_hash };
}
