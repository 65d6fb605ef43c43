import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterFormat, StoredDeadLetter } from '../../domain/dead-letter.js';
import type { BadClass } from '../../domain/event.js';
import { DeadLetterStore } from '../../ports.js';

interface DeadLetterRow {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | null;
  readonly model: string | null;
  readonly class: BadClass;
  readonly detail: string;
  readonly sha256: string;
  readonly head: Buffer;
  readonly size_bytes: number;
  readonly at: Date;
  readonly format: DeadLetterFormat;
  readonly headers: Readonly<Record<string, string>>;
  readonly replayed_at: Date | null;
  readonly replayed_by: string | null;
}

const COLUMNS = `id::float8 AS id, topic, partition, "offset"::float8 AS "offset", model, class, detail, sha256, head,
  size_bytes::float8 AS size_bytes, at, format, headers, replayed_at, replayed_by`;

@Injectable()
export class PostgresDeadLetterStore extends DeadLetterStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async add(letters: readonly DeadLetter[]): Promise<void> {
    await insertDeadLetters(this.db, letters);
  }

  override async list(options: DeadLetterFilter & { readonly limit: number }): Promise<StoredDeadLetter[]> {
    const rows = await this.db.query<DeadLetterRow>(
      `SELECT ${COLUMNS} FROM telemetry.dead_letter
       WHERE ($1::text IS NULL OR model = $1) AND ($2::text IS NULL OR class = $2) AND ($3::text IS NULL OR topic = $3)
         AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::bigint IS NULL OR dead_letter.id < $5)
         AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
       ORDER BY dead_letter.id DESC LIMIT $7`,
      [
        options.model ?? null,
        options.class ?? null,
        options.topic ?? null,
        options.since?.toISOString() ?? null,
        options.before ?? null,
        options.replayed ?? null,
        options.limit,
      ],
    );
    return rows.map(toLetter);
  }

  override async find(id: number): Promise<StoredDeadLetter | null> {
    const [row] = await this.db.query<DeadLetterRow>(
      `SELECT ${COLUMNS} FROM telemetry.dead_letter WHERE dead_letter.id = $1`,
      [id],
    );
    return row === undefined ? null : toLetter(row);
  }

  override async takeForReplay(ids: readonly number[], by: string, at: Date): Promise<StoredDeadLetter[]> {
    const rows = await this.db.query<DeadLetterRow>(
      `WITH taken AS (UPDATE telemetry.dead_letter SET replayed_at = $2, replayed_by = $3
         WHERE dead_letter.id = ANY($1::bigint[]) AND replayed_at IS NULL AND octet_length(head) = size_bytes RETURNING *)
       SELECT ${COLUMNS} FROM taken ORDER BY taken.id`,
      [ids, at.toISOString(), by],
    );
    return rows.map(toLetter);
  }
}

function toLetter({ class: kind, detail, size_bytes: sizeBytes, ...row }: DeadLetterRow): StoredDeadLetter {
  const { replayed_at: replayedAt, replayed_by: replayedBy, ...rest } = row;
  return { ...rest, sizeBytes, reason: { class: kind, detail }, replayedAt, replayedBy };
}

/** One statement for all of them; joins the current transaction. */
export async function insertDeadLetters(db: Database, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  const of = <T>(read: (letter: DeadLetter) => T): T[] => letters.map(read);
  await db.affected(
    `INSERT INTO telemetry.dead_letter
       (topic, partition, "offset", model, class, detail, sha256, head, size_bytes, at, format, headers)
     SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::bytea[], $9::bigint[], $10::timestamptz[], $11::text[], $12::jsonb[])`,
    [
      of((letter) => letter.topic),
      of((letter) => letter.partition),
      of((letter) => letter.offset),
      of((letter) => letter.model),
      of((letter) => letter.reason.class),
      of((letter) => letter.reason.detail),
      of((letter) => letter.sha256),
      of((letter) => Buffer.from(letter.head)),
      of((letter) => letter.sizeBytes),
      of((letter) => letter.at.toISOString()),
      of((letter) => letter.format ?? 'native'),
      of((letter) => withoutNul(JSON.stringify(letter.headers ?? {}))),
    ],
  );
}

/** PostgreSQL's JSON takes no NUL; headers of a record may hold anything. */
function withoutNul(json: string): string {
  return json.replaceAll('\\u0000', '\\ufffd');
}
