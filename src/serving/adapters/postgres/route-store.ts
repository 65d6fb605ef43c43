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
  readonly exposures: boolean;
}

const COLUMNS = 'model, stable, candidate, weight, mirror, mirror_fraction, salt, epoch, confirm_by, exposures';

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
      `INSERT INTO serving.route AS r (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)
       ON CONFLICT (model) DO UPDATE SET
         stable = excluded.stable, candidate = excluded.candidate, weight = excluded.weight, mirror = excluded.mirror,
         mirror_fraction = excluded.mirror_fraction, salt = excluded.salt, confirm_by = excluded.confirm_by,
         exposures = excluded.exposures,
         epoch = CASE
           WHEN (r.stable, r.candidate, r.weight, r.mirror, r.mirror_fraction, r.salt, r.exposures) IS DISTINCT FROM
                (excluded.stable, excluded.candidate, excluded.weight, excluded.mirror, excluded.mirror_fraction, excluded.salt,
                 excluded.exposures)
           THEN r.epoch + 1 ELSE r.epoch END
       WHERE (r.stable, r.candidate, r.weight, r.mirror, r.mirror_fraction, r.salt, r.confirm_by, r.exposures) IS DISTINCT FROM
             (excluded.stable, excluded.candidate, excluded.weight, excluded.mirror, excluded.mirror_fraction, excluded.salt,
              excluded.confirm_by, excluded.exposures)
       RETURNING ${COLUMNS}`,
      values(route),
    );
    if (rows[0] !== undefined) return toRoute(rows[0]);
    const unchanged = await this.find(route.model);
    if (unchanged === null) throw new TypeError('A stated route is not stored.');
    return unchanged;
  }

  async stateIf(route: Omit<Route, 'epoch'>, epoch: number): Promise<Route | null> {
    const rows = await this.db.query<Row>(
      `UPDATE serving.route AS r SET
         stable = $2, candidate = $3, weight = $4, mirror = $5, mirror_fraction = $6, salt = $7, confirm_by = $8,
         exposures = $9,
         epoch = CASE
           WHEN (r.stable, r.candidate, r.weight, r.mirror, r.mirror_fraction, r.salt, r.exposures) IS DISTINCT FROM
                ($2::text, $3::text, $4::float8, $5::text, $6::float8, $7::text, $9::boolean)
           THEN r.epoch + 1 ELSE r.epoch END
       WHERE model = $1 AND epoch = $10 RETURNING ${COLUMNS}`,
      [...values(route), epoch],
    );
    return rows[0] === undefined ? null : toRoute(rows[0]);
  }
}

function values(route: Omit<Route, 'epoch'>): unknown[] {
  const { model, stable, candidate, weight, mirror, mirrorFraction, salt, confirmBy, exposures = false } = route;
  return [model, stable, candidate, weight, mirror, mirrorFraction, salt, confirmBy, exposures];
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
    ...(row.exposures ? { exposures: true } : {}),
  };
}
