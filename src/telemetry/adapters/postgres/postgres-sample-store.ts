import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { ArtifactStore, ModelStore } from '../../../models/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { viewOf } from '../../domain/admit.js';
import { rowFromBytes } from '../../domain/decode-input.js';
import { NotEnoughSamples } from '../../domain/errors.js';
import type { Sample, Snapshot, SnapshotFile } from '../../domain/observation.js';
import { type SnapshotRow, splitRows } from '../../domain/snapshot-rows.js';
import { SampleStore } from '../../ports.js';
import { snapshotFile } from '../arrow/snapshot-file.js';

interface SampleRow {
  readonly sequence: number;
  readonly requestId: string;
  readonly version: Digest;
  readonly at: Date;
  readonly input: Buffer;
  readonly prediction: number;
  readonly confidence: number | null;
  readonly label: number | null;
  readonly stratum: string;
}

const COLUMNS = `sequence::float8 AS sequence, request_id AS "requestId", version, at, input, prediction, confidence, label, stratum`;

@Injectable()
export class PostgresSampleStore extends SampleStore {
  constructor(
    private readonly db: Database,
    private readonly models: ModelStore,
    private readonly artifacts: ArtifactStore,
  ) {
    super();
  }

  override async after(model: string, version: Digest, after: number, limit: number): Promise<Sample[]> {
    const rows = await this.db.query<SampleRow>(
      `SELECT ${COLUMNS} FROM telemetry.sample WHERE model = $1 AND version = $2 AND sequence > $3
       ORDER BY sample.sequence LIMIT $4`,
      [model, version, after, limit],
    );
    return rows.map(({ stratum: _, ...row }) => ({ ...row, input: toRow(row.input) }));
  }

  override async inputs(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> {
    const rows = await this.db.query<{ request_id: string; input: Buffer }>(
      'SELECT request_id, input FROM telemetry.sample WHERE model = $1 AND request_id = ANY($2::text[])',
      [model, requestIds],
    );
    return new Map(rows.map((row) => [row.request_id, toRow(row.input)]));
  }

  override async labels(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.db.query<{ request_id: string; label: number }>(
      `SELECT request_id, label FROM telemetry.answer
       WHERE model = $1 AND request_id = ANY($2::text[]) AND label IS NOT NULL
       UNION
       SELECT request_id, label FROM telemetry.sample
       WHERE model = $1 AND request_id = ANY($2::text[]) AND label IS NOT NULL`,
      [model, requestIds],
    );
    return new Map(rows.map((row) => [row.request_id, row.label]));
  }

  override async count(model: string, since: Date): Promise<{ readonly rows: number; readonly labelled: number }> {
    const [row] = await this.db.query<{ rows: number; labelled: number }>(
      `SELECT count(*)::float8 AS rows, count(label)::float8 AS labelled FROM telemetry.sample WHERE model = $1 AND at >= $2`,
      [model, since.toISOString()],
    );
    return row ?? { rows: 0, labelled: 0 };
  }

  override async snapshot(
    model: string,
    { since, replay }: { readonly since: Date; readonly replay: number },
  ): Promise<Snapshot> {
    const { inputLength } = viewOf(await this.models.require(model));
    const recent = await this.rows(model, 'at >= $2', since, inputLength);
    const older = replay > 0 ? await this.rows(model, 'at < $2', since, inputLength) : [];
    const { train, holdout } = splitRows(recent, older, replay);
    if (recent.length === 0 || train.length === 0) throw new NotEnoughSamples(model, since, recent.length);
    const times = [...train, ...holdout].map(({ at }) => at.getTime());
    return {
      train: await this.store(train, inputLength),
      holdout: await this.store(holdout, inputLength),
      from: new Date(times.reduce((a, b) => Math.min(a, b))),
      until: new Date(times.reduce((a, b) => Math.max(a, b))),
    };
  }

  /** Rows of another input size stem from an earlier contract of the model and cannot stand in the same file. */
  private async rows(model: string, when: string, since: Date, inputLength: number): Promise<SnapshotRow[]> {
    const rows = await this.db.query<SampleRow>(
      `SELECT ${COLUMNS} FROM telemetry.sample WHERE model = $1 AND ${when} AND octet_length(input) = $3`,
      [model, since.toISOString(), inputLength * 4],
    );
    return rows.map(({ sequence: _, ...row }) => ({ ...row, input: toRow(row.input) }));
  }

  private async store(rows: readonly SnapshotRow[], inputLength: number): Promise<SnapshotFile> {
    const { digest } = await this.artifacts.putBytes(snapshotFile(rows, inputLength));
    return { digest, rows: rows.length, labelled: rows.filter(({ label }) => label !== null).length };
  }
}

function toRow(bytes: Buffer): Float32Array {
  return rowFromBytes(bytes) ?? new Float32Array();
}
