import { type Aggregate, NotFound, RevisionConflict } from '../../kernel/index.js';
import type { Database } from './database.js';
import { reviveDates } from './revive-dates.js';

interface Row {
  readonly id: string;
  readonly model: string;
  readonly spec: unknown;
  readonly status: unknown;
  readonly revision: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS = 'id, model, spec, status, revision, created_at, updated_at';

/** Reads and writes one aggregate's table with optimistic revisions. */
export class AggregateTable<A extends Aggregate<unknown, { readonly phase: string }>> {
  /**
   * @param table schema-qualified name; a constant of the program, never input
   * @param kind what people call one of them; in errors
   */
  constructor(
    private readonly db: Database,
    private readonly table: string,
    private readonly kind: string,
  ) {}

  async find(id: string): Promise<A | null> {
    const rows = await this.db.query<Row>(`SELECT ${COLUMNS} FROM ${this.table} WHERE id = $1`, [id]);
    return rows[0] === undefined ? null : this.toAggregate(rows[0]);
  }

  /** @throws NotFound */
  async require(id: string): Promise<A> {
    const found = await this.find(id);
    if (found === null) throw new NotFound(this.kind, id);
    return found;
  }

  /** Newest first. */
  async list(filter: { model?: string; phases?: readonly string[]; limit?: number } = {}): Promise<A[]> {
    const rows = await this.db.query<Row>(
      `SELECT ${COLUMNS} FROM ${this.table}
       WHERE ($1::text IS NULL OR model = $1) AND ($2::text[] IS NULL OR phase = ANY ($2))
       ORDER BY created_at DESC, id DESC LIMIT $3`,
      [filter.model ?? null, filter.phases ?? null, filter.limit ?? 200],
    );
    return rows.map((row) => this.toAggregate(row));
  }

  /**
   * Revision 0 inserts; when the id exists already nothing changes and what is stored is returned, so that creating a
   * follow-up twice is the same as once. Any other revision updates status and spec when nobody else did meanwhile.
   * @throws RevisionConflict
   */
  async save(aggregate: A): Promise<A> {
    return aggregate.revision === 0 ? this.insert(aggregate) : this.update(aggregate);
  }

  private async insert(aggregate: A): Promise<A> {
    await this.db.query(
      `INSERT INTO ${this.table} (id, model, phase, spec, status, revision, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, 1, $6, $6) ON CONFLICT (id) DO NOTHING`,
      [
        aggregate.id,
        aggregate.model,
        aggregate.status.phase,
        JSON.stringify(aggregate.spec),
        JSON.stringify(aggregate.status),
        aggregate.createdAt,
      ],
    );
    return this.require(aggregate.id);
  }

  private async update(aggregate: A): Promise<A> {
    const rows = await this.db.query<Row>(
      `UPDATE ${this.table} SET phase = $3, spec = $4, status = $5, revision = revision + 1, updated_at = now()
       WHERE id = $1 AND revision = $2 RETURNING ${COLUMNS}`,
      [
        aggregate.id,
        aggregate.revision,
        aggregate.status.phase,
        JSON.stringify(aggregate.spec),
        JSON.stringify(aggregate.status),
      ],
    );
    if (rows[0] === undefined) throw new RevisionConflict(this.kind, aggregate.id);
    return this.toAggregate(rows[0]);
  }

  private toAggregate(row: Row): A {
    return {
      id: row.id,
      model: row.model,
      spec: reviveDates(row.spec),
      status: reviveDates(row.status),
      revision: row.revision,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    } as unknown as A;
  }
}
