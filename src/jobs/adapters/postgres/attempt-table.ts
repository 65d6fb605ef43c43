import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import type { JobProgress } from '../../domain/job.js';

/** What a token opens, and for how long. */
export interface TokenHolder {
  readonly name: string;
  readonly wallSeconds: number;
  readonly unusedUntil: Date;
  readonly expiresAt: Date | null;
}

/** What is known of an attempt besides its document and report. */
export interface AttemptState {
  readonly heartbeatAt: Date | null;
  readonly progress: JobProgress | null;
  readonly logTail: string;
  /** The larger of what it says that it has written and what it sent. */
  readonly outputBytes: number;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly endedAt: Date | null;
}

/** A sign of life; what is absent stays as it was. */
export interface Beat {
  readonly progress?: JobProgress | undefined;
  readonly logTail?: string | undefined;
  readonly outputBytes?: number | undefined;
}

/** The attempts on other machines, one row each: every call of theirs is one statement, so that nothing is half done. */
@Injectable()
export class AttemptTable {
  constructor(private readonly db: Database) {}

  /** Opening again gives a new token and keeps what was told and sent. */
  async open(name: string, document: object, tokenHash: Buffer, now: Date, unusedUntil: Date): Promise<void> {
    await this.db.query(
      `INSERT INTO jobs.attempt (name, document, token_hash, opened_at, unused_until, log_tail, output_bytes)
       VALUES ($1, $2, $3, $4, $5, '', 0)
       ON CONFLICT (name) DO UPDATE SET document = excluded.document, token_hash = excluded.token_hash,
         opened_at = excluded.opened_at, unused_until = excluded.unused_until,
         first_used_at = NULL, expires_at = NULL, closed_at = NULL`,
      [name, JSON.stringify(document), tokenHash, now, unusedUntil],
    );
  }

  async holderOf(tokenHash: Buffer): Promise<TokenHolder | null> {
    const [row] = await this.db.query<{
      name: string;
      wall_seconds: number | null;
      unused_until: Date;
      expires_at: Date | null;
    }>(
      `SELECT name, (document #>> '{limits,wallSeconds}')::float8 AS wall_seconds, unused_until, expires_at
       FROM jobs.attempt WHERE token_hash = $1 AND closed_at IS NULL`,
      [tokenHash],
    );
    if (row === undefined) return null;
    const { name, wall_seconds: wallSeconds, unused_until: unusedUntil, expires_at: expiresAt } = row;
    return { name, wallSeconds: wallSeconds ?? 0, unusedUntil, expiresAt };
  }

  /** The token's first use starts its time; whoever comes second changes nothing. */
  async firstUse(tokenHash: Buffer, now: Date, expiresAt: Date): Promise<void> {
    await this.db.query(
      `UPDATE jobs.attempt SET first_used_at = $2, expires_at = $3 WHERE token_hash = $1 AND first_used_at IS NULL`,
      [tokenHash, now, expiresAt],
    );
  }

  async document(name: string): Promise<Readonly<Record<string, unknown>> | null> {
    const [row] = await this.db.query<{ document: Record<string, unknown> }>(
      'SELECT document FROM jobs.attempt WHERE name = $1',
      [name],
    );
    return row?.document ?? null;
  }

  async state(name: string): Promise<AttemptState | null> {
    const [row] = await this.db.query<{
      heartbeat_at: Date | null;
      progress: JobProgress | null;
      log_tail: string;
      output_bytes: string;
      exit_code: number | null;
      error: string | null;
      ended_at: Date | null;
    }>(
      `SELECT heartbeat_at, progress, log_tail, exit_code, error, ended_at, greatest(output_bytes,
         (SELECT sum(size_bytes) FROM jobs.attempt_part AS part WHERE part.attempt = attempt.name)) AS output_bytes
       FROM jobs.attempt WHERE name = $1`,
      [name],
    );
    if (row === undefined) return null;
    return {
      heartbeatAt: row.heartbeat_at,
      progress: row.progress,
      logTail: row.log_tail,
      outputBytes: Number(row.output_bytes),
      exitCode: row.exit_code,
      error: row.error,
      endedAt: row.ended_at,
    };
  }

  /** False when the attempt has ended or is closed. */
  async beat(name: string, beat: Beat, now: Date): Promise<boolean> {
    const { progress, logTail, outputBytes } = beat;
    const touched = await this.db.affected(
      `UPDATE jobs.attempt SET heartbeat_at = $2, progress = coalesce($3, progress), log_tail = coalesce($4, log_tail),
         output_bytes = greatest(output_bytes, $5)
       WHERE name = $1 AND ended_at IS NULL AND closed_at IS NULL`,
      [name, now, progress === undefined ? null : JSON.stringify(progress), logTail ?? null, outputBytes ?? 0],
    );
    return touched === 1;
  }

  /** It has written so much, even though not all of it was taken. */
  async claimOutput(name: string, bytes: number): Promise<void> {
    await this.db.query('UPDATE jobs.attempt SET output_bytes = greatest(output_bytes, $2) WHERE name = $1', [
      name,
      bytes,
    ]);
  }

  /** False when the attempt has ended or is closed. */
  async keepReport(name: string, report: Buffer, now: Date): Promise<boolean> {
    const touched = await this.db.affected(
      'UPDATE jobs.attempt SET report = $2, heartbeat_at = $3 WHERE name = $1 AND ended_at IS NULL AND closed_at IS NULL',
      [name, report, now],
    );
    return touched === 1;
  }

  async report(name: string): Promise<Buffer | null> {
    const [row] = await this.db.query<{ report: Buffer | null }>('SELECT report FROM jobs.attempt WHERE name = $1', [
      name,
    ]);
    return row?.report ?? null;
  }

  /** The first end counts; any later one changes nothing. */
  async end(name: string, exitCode: number, error: string | null, now: Date): Promise<void> {
    await this.db.query(
      `UPDATE jobs.attempt SET exit_code = $2, error = $3, ended_at = $4, heartbeat_at = $4
       WHERE name = $1 AND ended_at IS NULL`,
      [name, exitCode, error, now],
    );
  }

  async close(name: string, now: Date): Promise<void> {
    await this.db.query(
      'UPDATE jobs.attempt SET token_hash = NULL, closed_at = $2 WHERE name = $1 AND closed_at IS NULL',
      [name, now],
    );
  }

  /** Attempts that nothing happened to since `before`. */
  async untouchedSince(before: Date, except: readonly string[]): Promise<string[]> {
    const rows = await this.db.query<{ name: string }>(
      `SELECT name FROM jobs.attempt
       WHERE greatest(opened_at, heartbeat_at, ended_at, closed_at) < $1 AND NOT (name = ANY($2)) ORDER BY name`,
      [before, except],
    );
    return rows.map((row) => row.name);
  }

  /** Locks the attempt until the unit of work ends; false when it takes nothing more. */
  async lockOpen(name: string): Promise<boolean> {
    const rows = await this.db.query(
      'SELECT 1 FROM jobs.attempt WHERE name = $1 AND ended_at IS NULL AND closed_at IS NULL FOR UPDATE',
      [name],
    );
    return rows.length === 1;
  }

  async parts(name: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }[]> {
    const rows = await this.db.query<{ digest: Digest; size_bytes: string }>(
      'SELECT digest, size_bytes FROM jobs.attempt_part WHERE attempt = $1 ORDER BY digest',
      [name],
    );
    return rows.map((row) => ({ digest: row.digest, sizeBytes: Number(row.size_bytes) }));
  }

  async addPart(name: string, digest: Digest, sizeBytes: number): Promise<void> {
    await this.db.query(
      'INSERT INTO jobs.attempt_part (attempt, digest, size_bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [name, digest, sizeBytes],
    );
  }

  async files(name: string): Promise<{ readonly file: string; readonly digest: Digest; readonly sizeBytes: number }[]> {
    const rows = await this.db.query<{ file: string; digest: Digest; size_bytes: string }>(
      'SELECT file, digest, size_bytes FROM jobs.attempt_file WHERE attempt = $1 ORDER BY file',
      [name],
    );
    return rows.map((row) => ({ file: row.file, digest: row.digest, sizeBytes: Number(row.size_bytes) }));
  }

  async putFile(name: string, file: string, digest: Digest, sizeBytes: number): Promise<void> {
    await this.db.query(
      `INSERT INTO jobs.attempt_file (attempt, file, digest, size_bytes) VALUES ($1, $2, $3, $4)
       ON CONFLICT (attempt, file) DO UPDATE SET digest = excluded.digest, size_bytes = excluded.size_bytes`,
      [name, file, digest, sizeBytes],
    );
  }

  /** One statement, so that no half of an attempt stays behind. */
  async forget(name: string): Promise<void> {
    await this.db.query(
      `WITH parts AS (DELETE FROM jobs.attempt_part WHERE attempt = $1),
            files AS (DELETE FROM jobs.attempt_file WHERE attempt = $1)
       DELETE FROM jobs.attempt WHERE name = $1`,
      [name],
    );
  }
}
