import { Injectable } from '@nestjs/common';
import { terminalPhases } from '../../../kernel/index.js';
import type { TrafficTarget } from '../../../models/index.js';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import { type Rollout, ROLLOUT_TRANSITIONS, type RolloutStatus } from '../../domain/rollout.js';
import { RolloutStore } from '../../ports.js';

const MOST_UNFINISHED = 10_000;
const ENDED = terminalPhases<RolloutStatus['phase']>(ROLLOUT_TRANSITIONS);
const OPEN = (Object.keys(ROLLOUT_TRANSITIONS) as RolloutStatus['phase'][]).filter((phase) => !ENDED.includes(phase));

/** Phases in which a rollout has traffic, or soon will. */
const HOLDING = OPEN.filter((phase) => phase !== 'Pending');
const UNSETTLED = `phase = ANY ($1) AND (status @> '{"givenBackAt": null}' OR status @> '{"settledAt": null}')`;

/** What makes two targets the same traffic, whatever else they say of it. A model's own gateway is nobody else's. */
function identity(target: TrafficTarget, model: string): object {
  switch (target.kind) {
    case 'builtin':
      return { kind: target.kind, model };
    case 'webhook':
      return { kind: target.kind, endpoint: target.endpoint };
    case 'http-route':
      // Whatever the rule: a rollout without one has all of them.
      return { kind: target.kind, namespace: target.namespace, name: target.name };
    default:
      return { kind: target.kind, namespace: target.namespace, name: target.name };
  }
}

@Injectable()
export class PostgresRolloutStore extends RolloutStore {
  private readonly table: AggregateTable<Rollout>;

  constructor(private readonly db: Database) {
    super();
    this.table = new AggregateTable<Rollout>(db, 'rollouts.rollout', 'rollout');
  }

  override find(id: string): Promise<Rollout | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Rollout> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Rollout[]> {
    return this.table.list({ model });
  }

  override listUnfinished(model?: string): Promise<Rollout[]> {
    return this.table.list({ ...(model !== undefined && { model }), phases: OPEN, limit: MOST_UNFINISHED });
  }

  override async listUnsettled(): Promise<Rollout[]> {
    const rows = await this.db.query<{ id: string }>(
      `SELECT id FROM rollouts.rollout WHERE ${UNSETTLED} ORDER BY created_at LIMIT $2`,
      [ENDED, MOST_UNFINISHED],
    );
    return Promise.all(rows.map(({ id }) => this.require(id)));
  }

  override async ofCandidate(candidate: string): Promise<Rollout[]> {
    const rows = await this.db.query<{ id: string }>(
      `SELECT id FROM rollouts.rollout WHERE model = (SELECT model FROM rollouts.rollout WHERE id = $1 || '-r')
         AND spec ->> 'candidate' = $1 AND NOT (spec ? 'undoes') ORDER BY created_at, id`,
      [candidate],
    );
    return Promise.all(rows.map(({ id }) => this.require(id)));
  }

  override async blocking({ id, model, spec }: Rollout): Promise<string | null> {
    const target = JSON.stringify(identity(spec.policy.target ?? { kind: 'builtin' }, model));
    if (this.db.inTransaction) {
      // In one order for everybody, so that two rollouts which share a target and a model cannot wait for each other.
      for (const key of [`rollouts.model/${model}`, `rollouts.target/${target}`])
        await this.db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
    }
    const [row] = await this.db.query<{ id: string }>(
      `SELECT id FROM rollouts.rollout
       WHERE id <> $2 AND (phase = ANY ($3) OR (${UNSETTLED}))
         AND (model = $4 OR (spec #> '{policy,target}') @> $5::jsonb)
       ORDER BY created_at LIMIT 1`,
      [ENDED, id, HOLDING, model, target],
    );
    return row?.id ?? null;
  }

  override save(rollout: Rollout): Promise<Rollout> {
    return this.table.save(rollout);
  }
}
