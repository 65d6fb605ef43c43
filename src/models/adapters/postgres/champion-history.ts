import { Injectable } from '@nestjs/common';
import { type Digest, FactBus } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { ChampionChanged } from '../../domain/facts.js';
import type { ChampionPeriod, QualityProfile } from '../../domain/version.js';
import { ChampionHistory } from '../../ports.js';

interface Row {
  readonly model: string;
  readonly number: number;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly since: Date;
  readonly until: Date | null;
  readonly promotion: string | null;
  readonly profile: QualityProfile;
}

@Injectable()
export class PostgresChampionHistory extends ChampionHistory {
  constructor(
    private readonly db: Database,
    private readonly facts: FactBus,
  ) {
    super();
  }

  override current(model: string): Promise<ChampionPeriod | null> {
    return this.first('SELECT * FROM models.champion_period WHERE model = $1 AND until IS NULL', [model]);
  }

  override servingAt(model: string, at: Date): Promise<ChampionPeriod | null> {
    return this.first(
      `SELECT * FROM models.champion_period
       WHERE model = $1 AND since <= $2 AND (until IS NULL OR until > $2) ORDER BY number DESC LIMIT 1`,
      [model, at],
    );
  }

  override async list(model: string): Promise<ChampionPeriod[]> {
    const rows = await this.db.query<Row>(
      'SELECT * FROM models.champion_period WHERE model = $1 ORDER BY number DESC LIMIT 1000',
      [model],
    );
    return rows.map(toPeriod);
  }

  override async begin(period: Parameters<ChampionHistory['begin']>[0]): Promise<void> {
    const { model, champion, reference, promotion, profile } = period;
    await this.db.run('models.begin-period', async () => {
      // Two promotions at once would each end the same period; the second has to see what the first did.
      await this.db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`models.champion_period/${model}`]);
      const rows = await this.db.query<Row>(
        'SELECT * FROM models.champion_period WHERE model = $1 ORDER BY number DESC',
        [model],
      );
      if (rows.some((row) => row.promotion === promotion)) return;
      const last = rows[0];
      // A clock that went back must not make a period end before it began.
      const since = last !== undefined && last.since > period.at ? last.since : period.at;
      await this.db.query('UPDATE models.champion_period SET until = $2 WHERE model = $1 AND until IS NULL', [
        model,
        since,
      ]);
      await this.db.query(
        `INSERT INTO models.champion_period (model, number, champion, reference, since, until, promotion, profile)
         VALUES ($1, $2, $3, $4, $5, NULL, $6, $7)`,
        [model, (last?.number ?? 0) + 1, champion, reference, since, promotion, JSON.stringify(profile)],
      );
      await this.facts.publish(ChampionChanged, { model, champion, reference, promotion });
    });
  }

  private async first(sql: string, parameters: unknown[]): Promise<ChampionPeriod | null> {
    const rows = await this.db.query<Row>(sql, parameters);
    return rows[0] === undefined ? null : toPeriod(rows[0]);
  }
}

function toPeriod({ since, number: _, ...rest }: Row): ChampionPeriod {
  return { ...rest, from: since };
}
