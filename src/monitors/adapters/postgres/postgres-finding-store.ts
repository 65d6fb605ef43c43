import { Injectable } from '@nestjs/common';
import { type Digest, FactBus } from '../../../kernel/index.js';
import { Database, reviveDates } from '../../../platform/postgres/index.js';
import { type Finding, FindingChanged, type FindingState, type MonitorName } from '../../domain/finding.js';
import { FindingStore } from '../../ports.js';

type Detail = Pick<Finding, 'evidence' | 'falseAlarm' | 'explanation' | 'level'>;

interface Row {
  readonly model: string;
  readonly version: Digest;
  readonly monitor: MonitorName;
  readonly state: FindingState;
  readonly since: Date;
  readonly observed_at: Date;
  readonly change_at: Date | null;
  readonly detail: unknown;
}

@Injectable()
export class PostgresFindingStore extends FindingStore {
  constructor(
    private readonly db: Database,
    private readonly facts: FactBus,
  ) {
    super();
  }

  override async list(model: string, version: Digest): Promise<Finding[]> {
    const rows = await this.db.query<Row>(
      `SELECT model, version, monitor, state, since, observed_at, change_at, detail
       FROM monitors.finding WHERE model = $1 AND version = $2 ORDER BY monitor`,
      [model, version],
    );
    return rows.map(({ observed_at: observedAt, change_at: changeAt, detail, ...rest }) => ({
      ...rest,
      ...(reviveDates(detail) as Detail),
      observedAt,
      changeAt,
    }));
  }

  override async save(finding: Finding): Promise<void> {
    const { model, version, monitor, state, since, observedAt, changeAt } = finding;
    const { evidence, falseAlarm, explanation, level } = finding;
    await this.db.run('monitors.save-findings', async () => {
      const before = await this.db.query<{ state: string }>(
        'SELECT state FROM monitors.finding WHERE model = $1 AND version = $2 AND monitor = $3 FOR UPDATE',
        [model, version, monitor],
      );
      await this.db.query(
        `INSERT INTO monitors.finding (model, version, monitor, state, since, observed_at, change_at, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (model, version, monitor) DO UPDATE SET state = excluded.state, since = excluded.since,
           observed_at = excluded.observed_at, change_at = excluded.change_at, detail = excluded.detail`,
        [
          ...[model, version, monitor, state, since, observedAt, changeAt],
          JSON.stringify({ evidence, falseAlarm, explanation, level }),
        ],
      );
      if (before[0]?.state !== state) await this.facts.publish(FindingChanged, { model, monitor, state });
    });
  }
}
