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

  override async save(...findings: readonly Finding[]): Promise<void> {
    if (findings.length === 0) return;
    const rows = JSON.stringify(findings.map(rowOf));
    await this.db.run('monitors.save-findings', async () => {
      const before = await this.db.query<Pick<Row, 'model' | 'version' | 'monitor' | 'state'>>(
        `SELECT model, version, monitor, state FROM monitors.finding
         WHERE model = ANY ($1) AND version = ANY ($2) ORDER BY model, version, monitor FOR UPDATE`,
        [unique(findings, 'model'), unique(findings, 'version')],
      );
      await this.db.query(
        `INSERT INTO monitors.finding (model, version, monitor, state, since, observed_at, change_at, detail)
         SELECT * FROM jsonb_to_recordset($1) AS new (model text, version text, monitor text, state text,
           since timestamptz, observed_at timestamptz, change_at timestamptz, detail jsonb)
         ON CONFLICT (model, version, monitor) DO UPDATE SET state = excluded.state, since = excluded.since,
           observed_at = excluded.observed_at, change_at = excluded.change_at, detail = excluded.detail`,
        [rows],
      );
      const stored = new Map(before.map((row) => [keyOf(row), row.state]));
      for (const finding of findings) {
        const { model, monitor, state } = finding;
        if (stored.get(keyOf(finding)) !== state) await this.facts.publish(FindingChanged, { model, monitor, state });
      }
    });
  }
}

function rowOf(finding: Finding): Row {
  const { model, version, monitor, state, since, observedAt, changeAt } = finding;
  const { evidence, falseAlarm, explanation, level } = finding;
  const detail = { evidence, falseAlarm, explanation, level };
  return { model, version, monitor, state, since, observed_at: observedAt, change_at: changeAt, detail };
}

function unique(findings: readonly Finding[], key: 'model' | 'version'): string[] {
  return [...new Set(findings.map((finding) => finding[key]))];
}

function keyOf({ model, version, monitor }: Pick<Row, 'model' | 'version' | 'monitor'>): string {
  return JSON.stringify([model, version, monitor]);
}
