import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { ArtifactStore, ModelStore } from '../../../models/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { viewOf } from '../../domain/admit.js';
import { rowFromBytes } from '../../domain/decode-input.js';
import { NotEnoughSamples } from '../../domain/errors.js';
import type { Sample, Snapshot, SnapshotFile } from '../../domain/observation.js';
import { type SnapshotRow, splitRows } from '../../domain/snapshot-rows.js';
import { SampleStore, type SnapshotOptions } from '../../ports.js';
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
  readonly uniform: boolean;
  readonly weight: number;
}

/** A row of a reservoir had the chance of its cell's threshold, if it passed the gate; one of the uniform stream that of the gate. */
const COLUMNS = `sequence::float8 AS sequence, request_id AS "requestId", version, at, input, prediction, confidence, label,
  sample.stratum, uniform, 1 / least(chance, CASE WHEN uniform THEN 1 ELSE coalesce(cell.threshold, 1) END) AS weight`;
const SAMPLES = `telemetry.sample LEFT JOIN telemetry.sample_cell AS cell
  ON cell.model = sample.model AND cell.stratum = sample.stratum AND cell.period = sample.period`;

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
      `SELECT ${COLUMNS} FROM ${SAMPLES} WHERE sample.model = $1 AND version = $2 AND sequence > $3 AND uniform
       ORDER BY sample.sequence LIMIT $4`,
      [model, version, after, limit],
    );
    return rows.map(({ stratum: _, uniform: __, ...row }) => ({ ...row, input: toRow(row.input) }));
  }

  override async inputs(model: string, requestIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> {
    const rows = await this.db.query<{ request_id: string; input: Buffer }>(
      'SELECT request_id, input FROM telemetry.sample WHERE model = $1 AND request_id = ANY($2::text[]) AND uniform',
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

  override async snapshot(model: string, { since, replay, minimumHoldout = 0 }: SnapshotOptions): Promise<Snapshot> {
    const { inputLength } = viewOf(await this.models.require(model));
    await this.refuseIfTooFew(model, since, inputLength, minimumHoldout);
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

  /** Looked at before anything is read or written: whoever waits for samples asks again and again. */
  private async refuseIfTooFew(model: string, since: Date, inputLength: number, minimumHoldout: number): Promise<void> {
    const [row] = await this.db.query<{ rows: number; train: number; holdout: number }>(
      `SELECT count(*)::float8 AS rows, count(*) FILTER (WHERE NOT holdout)::float8 AS train,
         count(*) FILTER (WHERE holdout AND uniform)::float8 AS holdout
       FROM telemetry.sample WHERE model = $1 AND at >= $2 AND octet_length(input) = $3`,
      [model, since.toISOString(), inputLength * 4],
    );
    const { rows, train, holdout } = row ?? { rows: 0, train: 0, holdout: 0 };
    if (train === 0) throw new NotEnoughSamples(model, since, rows);
    if (holdout < minimumHoldout) throw new NotEnoughSamples(model, since, rows, { holdout, minimumHoldout });
  }

  /** Rows of another input size stem from an earlier contract of the model and cannot stand in the same file. */
  private async rows(model: string, when: string, since: Date, inputLength: number): Promise<SnapshotRow[]> {
    const rows = await this.db.query<SampleRow>(
      `SELECT ${COLUMNS} FROM ${SAMPLES} WHERE sample.model = $1 AND ${when} AND octet_length(input) = $3`,
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
