import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { DeadLetter, StoredDeadLetter } from '../../domain/dead-letter.js';
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
}

@Injectable()
export class PostgresDeadLetterStore extends DeadLetterStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async add(letters: readonly DeadLetter[]): Promise<void> {
    await insertDeadLetters(this.db, letters);
  }

  override async list({
    model,
    limit,
  }: {
    readonly model?: string;
    readonly limit: number;
  }): Promise<StoredDeadLetter[]> {
    const rows = await this.db.query<DeadLetterRow>(
      `SELECT id::float8 AS id, topic, partition, "offset"::float8 AS "offset", model, class, detail, sha256, head,
         size_bytes::float8 AS size_bytes, at
       FROM telemetry.dead_letter WHERE $1::text IS NULL OR model = $1 ORDER BY dead_letter.id DESC LIMIT $2`,
      [model ?? null, limit],
    );
    return rows.map(({ class: kind, detail, size_bytes: sizeBytes, ...row }) => ({
      ...row,
      sizeBytes,
      reason: { class: kind, detail },
    }));
  }
}

/** One statement for all of them; joins the current transaction. */
export async function insertDeadLetters(db: Database, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  const of = <T>(read: (letter: DeadLetter) => T): T[] => letters.map(read);
  await db.affected(
    `INSERT INTO telemetry.dead_letter (topic, partition, "offset", model, class, detail, sha256, head, size_bytes, at)
     SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::bytea[], $9::bigint[], $10::timestamptz[])`,
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
    ],
  );
}
