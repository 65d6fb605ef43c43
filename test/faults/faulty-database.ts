import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { armFailpoints, seededRandom } from '../../src/kernel/index.js';
import { Database } from '../../src/platform/postgres/index.js';

/** Thrown in the place of what pg says when a connection ends under a statement. */
class ConnectionLost extends Error {
  readonly code = 'ECONNRESET';
}

const KINDS = ['refused', 'lost', 'serialization', 'slow'] as const;
type Kind = (typeof KINDS)[number] | 'unknown-outcome';

/**
 * A database that fails with a probability, at each statement and at each commit:
 * `refused` before the statement is sent · `lost` after it was carried out, before its answer · `serialization` SQLSTATE 40001 ·
 * `slow` 5 to 50 ms later, which is another order · `unknown-outcome` committed, and the caller is told that it failed.
 */
export class FaultyDatabase extends Database {
  readonly injected: Record<Kind, number> = { refused: 0, lost: 0, serialization: 0, slow: 0, 'unknown-outcome': 0 };
  /** Zero disarms it. */
  probability: number;
  private readonly random: () => number;

  constructor(dataSource: DataSource, faults: { readonly seed: number; readonly probability: number }) {
    super(dataSource);
    this.random = seededRandom(faults.seed);
    this.probability = faults.probability;
    // The one place between a commit and its caller.
    armFailpoints((name) => {
      if (name.endsWith(':after-commit') && this.isDue()) throw this.lost('unknown-outcome');
    });
  }

  /** Nothing fails any more, in this database and after its commits. */
  heal(): void {
    this.probability = 0;
    armFailpoints(null);
  }

  protected override async execute(manager: EntityManager, sql: string, parameters: unknown[]): Promise<unknown[]> {
    if (!this.isDue()) return super.execute(manager, sql, parameters);
    const kind = KINDS[Math.floor(this.random() * KINDS.length)] ?? 'refused';
    switch (kind) {
      case 'refused':
        throw this.lost(kind);
      case 'serialization':
        this.injected[kind] += 1;
        throw new QueryFailedError(
          sql,
          parameters,
          Object.assign(new Error('could not serialize access due to concurrent update'), { code: '40001' }),
        );
      case 'lost':
        await super.execute(manager, sql, parameters);
        throw this.lost(kind);
      case 'slow':
        this.injected[kind] += 1;
        await new Promise((done) => setTimeout(done, 5 + this.random() * 45));
        return super.execute(manager, sql, parameters);
    }
  }

  private lost(kind: Kind): ConnectionLost {
    this.injected[kind] += 1;
    return new ConnectionLost(`Connection terminated unexpectedly (planted: ${kind})`);
  }

  private isDue(): boolean {
    return this.probability > 0 && this.random() < this.probability;
  }
}
