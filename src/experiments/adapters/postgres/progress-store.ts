import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { LiveProgress } from '../../domain/live-progress.js';
import type { ShadowProgress } from '../../domain/shadow-progress.js';
import { ProgressStore } from '../../ports.js';

@Injectable()
export class PostgresProgressStore extends ProgressStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async find(experiment: string): Promise<ShadowProgress | LiveProgress | null> {
    const [row] = await this.db.query<{ progress: ShadowProgress | LiveProgress }>(
      'SELECT progress FROM experiments.progress WHERE experiment = $1',
      [experiment],
    );
    return row?.progress ?? null;
  }

  override async save(experiment: string, progress: ShadowProgress | LiveProgress): Promise<void> {
    await this.db.query(
      `INSERT INTO experiments.progress (experiment, progress) VALUES ($1, $2)
       ON CONFLICT (experiment) DO UPDATE SET progress = excluded.progress`,
      [experiment, JSON.stringify(progress)],
    );
  }
}
