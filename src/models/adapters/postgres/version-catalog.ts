import { Injectable } from '@nestjs/common';
import { type Digest, FactBus } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { VersionRegistered } from '../../domain/facts.js';
import type { Version, VersionData } from '../../domain/version.js';
import { versionsRegistered } from '../../metrics.js';
import { VersionCatalog } from '../../ports.js';

interface Row {
  readonly model: string;
  readonly digest: Digest;
  readonly kind: Version['kind'];
  readonly parent: Digest | null;
  readonly reference: Digest;
  readonly recipe: string | null;
  readonly snapshot: Digest | null;
  readonly data: VersionData | null;
  readonly job: string | null;
  readonly size_bytes: string;
  readonly created_at: Date;
}

@Injectable()
export class PostgresVersionCatalog extends VersionCatalog {
  constructor(
    private readonly db: Database,
    private readonly facts: FactBus,
  ) {
    super();
  }

  override async register(version: Version): Promise<void> {
    await this.db.run('models.register-version', async () => {
      const { model, digest, kind, parent, reference, recipe, snapshot, data, job, sizeBytes, createdAt } = version;
      const inserted = await this.db.query(
        `INSERT INTO models.version (model, digest, kind, parent, reference, recipe, snapshot, data, job, size_bytes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (model, digest) DO NOTHING RETURNING digest`,
        [model, digest, kind, parent, reference, recipe, snapshot, data ?? null, job, sizeBytes, createdAt],
      );
      if (inserted.length === 0) return;
      await this.facts.publish(VersionRegistered, { model, digest });
      this.db.afterCommit(() => versionsRegistered.inc({ kind }));
    });
  }

  override async find(model: string, digest: Digest): Promise<Version | null> {
    const rows = await this.db.query<Row>('SELECT * FROM models.version WHERE model = $1 AND digest = $2', [
      model,
      digest,
    ]);
    return rows[0] === undefined ? null : toVersion(rows[0]);
  }

  override async list(model: string): Promise<Version[]> {
    const rows = await this.db.query<Row>(
      'SELECT * FROM models.version WHERE model = $1 ORDER BY created_at DESC, digest LIMIT 1000',
      [model],
    );
    return rows.map(toVersion);
  }
}

function toVersion({ size_bytes, created_at, data, ...rest }: Row): Version {
  return { ...rest, ...(data === null ? {} : { data }), sizeBytes: Number(size_bytes), createdAt: created_at };
}
