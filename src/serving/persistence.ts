import type { Persistence } from '../platform/postgres/index.js';
import { GatewayRow } from './adapters/postgres/gateway.row.js';
import { ExposureRow } from './adapters/postgres/exposure.row.js';
import { Exposures1763700002200 } from './adapters/postgres/migrations/1763700002200-exposures.js';
import { GatewayArm1763700002100 } from './adapters/postgres/migrations/1763700002100-gateway-arm.js';
import { CreateServing1763700002000 } from './adapters/postgres/migrations/1763700002000-create-serving.js';
import { RouteRow } from './adapters/postgres/route.row.js';

export const servingPersistence: Persistence = {
  entities: [RouteRow, GatewayRow, ExposureRow],
  migrations: [CreateServing1763700002000, GatewayArm1763700002100, Exposures1763700002200],
};
