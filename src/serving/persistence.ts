import type { Persistence } from '../platform/postgres/index.js';
import { GatewayRow } from './adapters/postgres/gateway.row.js';
import { CreateServing1763700002000 } from './adapters/postgres/migrations/1763700002000-create-serving.js';
import { RouteRow } from './adapters/postgres/route.row.js';

export const servingPersistence: Persistence = {
  entities: [RouteRow, GatewayRow],
  migrations: [CreateServing1763700002000],
};
