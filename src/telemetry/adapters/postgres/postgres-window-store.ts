import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import type { Window } from '../../domain/window.js';
import { WindowStore } from '../../ports.js';
import { selectWindows } from './window-rows.js';

@Injectable()
export class PostgresWindowStore extends WindowStore {
  constructor(private readonly db: Database) {
    super();
  }

  override list(model: string, version: Digest, since: Date): Promise<Window[]> {
    return selectWindows(this.db, 'model = $1 AND version = $2 AND start >= $3', [model, version, since.toISOString()]);
  }

  override listModel(model: string, since: Date): Promise<Window[]> {
    return selectWindows(this.db, 'model = $1 AND start >= $2', [model, since.toISOString()]);
  }
}
