import type { Persistence } from '../platform/postgres/index.js';
import { CreateModels1763700100000 } from './adapters/postgres/migrations/1763700100000-create-models.js';
import { AddVersionData1763700359000 } from './adapters/postgres/migrations/1763700359000-add-version-data.js';
import { ChampionPeriodRow, ChangeLockRow, ModelRow, VersionRow } from './adapters/postgres/rows.js';

export const modelsPersistence: Persistence = {
  entities: [ModelRow, VersionRow, ChampionPeriodRow, ChangeLockRow],
  migrations: [CreateModels1763700100000, AddVersionData1763700359000],
};
