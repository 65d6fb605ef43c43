import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import type { Route } from '../../domain/route.js';
import { RouteStore } from '../../ports.js';

interface Row {
  readonly model: string;
  readonly stable: Digest;
  readonly candidate: Digest | null;
  readonly weight: number;
  readonly mirror: Digest | null;
  readonly mirror_fraction: number;
  readonly salt: string;
  readonly epoch: number;
  readonly confirm_by: Date | null;
}

const COLUMNS = 'model, stable, candidate, weight, mirror, mirror_fraction, salt, epoch, confirm_by';

@Injectable()
export class PostgresRouteStore extends RouteStore {
  constructor(private readonly db: Database) {
    super();
  }

  async find(model: string): Promise<Route | null> {
    const rows = await this.db.query<Row>(`SELECT ${COLUMNS} FROM serving.route WHERE model = $1`, [model]);
    return rows[0] === undefined ? null : toRoute(rows[0]);
  }

  async list(): Promise<Route[]> {
    return (await this.db.query<Row>(`SELECT ${COLUMNS} FROM serving.route ORDER BY model`)).map(toRoute);
  }

  async state(route: Omit<Route, 'epoch'>): Promise<Route> {
    // One statement, so that two writers cannot both raise the same epoch; a lease alone does not raise it.
    const rows = await this.db.query<Row>(
      `INSERT INTO serving.route AS r (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)
       ON CONFLICT (model) DO UPDATE SET
         stable = excluded.stable, candidate = excluded.candidate, weight = excluded.weight, mirror = excluded.mirror,
         mirror_fraction = excluded.mirror_fraction, salt = excluded.salt, confirm_by = excluded.confirm_by,
         epoch = CASE
           WHEN (r.stable, r.candidate, r.weight, r.mirror, r.mirror_fraction, r.salt) IS DISTINCT FROM
                (excluded.stable, excluded.candidate, excluded.weight, excluded.mirror, excluded.mirror_fraction, excluded.salt)
           THEN r.epoch + 1 ELSE r.epoch END
       WHERE (r.stable, r.candidate, r.weight, r.mirror, r.mirror_fraction, r.salt, r.confirm_by) IS DISTINCT FROM
             (excluded.stable, excluded.candidate, excluded.weight, excluded.mirror, excluded.mirror_fraction, excluded.salt, excluded.confirm_by)
       RETURNING ${COLUMNS}`,
      [
        route.model,
        route.stable,
        route.candidate,
        route.weight,
        route.mirror,
        route.mirrorFraction,
        route.salt,
        route.confirmBy,
      ],
    );
    if (rows[0] !== undefined) return toRoute(rows[0]);
    const unchanged = await this.find(route.model);
    if (unchanged === null) throw new TypeError('A stated route is not stored.');
    return unchanged;
  }
}

function toRoute(row: Row): Route {
  return {
    model: row.model,
    stable: row.stable,
    candidate: row.candidate,
    weight: row.weight,
    mirror: row.mirror,
    mirrorFraction: row.mirror_fraction,
    salt: row.salt,
    epoch: row.epoch,
    confirmBy: row.confirm_by,
  };
}
