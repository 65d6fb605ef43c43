import { AsyncLocalStorage } from 'node:async_hooks';
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { type Boundary, failpoint, UnitOfWork } from '../../kernel/index.js';
import { loneWrite } from './lone-write.js';

interface Transaction {
  readonly manager: EntityManager;
  readonly afterCommit: (() => void)[];
}

/** The one store of state. Every statement inside `run` belongs to that transaction, whichever store issues it. */
export class Database extends UnitOfWork {
  private readonly current = new AsyncLocalStorage<Transaction>();

  constructor(readonly dataSource: DataSource) {
    super();
  }

  /** Rows of a SELECT or of a statement with RETURNING. */
  async query<Row = Record<string, unknown>>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const result = await this.raw(sql, parameters);
    // TypeORM's Postgres driver gives rows for SELECT and [rows, count] for UPDATE and DELETE.
    return (isCounted(result) ? result[0] : result) as Row[];
  }

  /** Number of rows that an INSERT, UPDATE or DELETE touched. */
  async affected(sql: string, parameters: unknown[] = []): Promise<number> {
    const result = await this.raw(sql.includes('RETURNING') ? sql : `${sql} RETURNING 1`, parameters);
    return isCounted(result) ? result[1] : result.length;
  }

  get inTransaction(): boolean {
    return this.current.getStore() !== undefined;
  }

  /** Runs `fn` after the current transaction committed; at once when there is none. */
  afterCommit(fn: () => void): void {
    const transaction = this.current.getStore();
    if (transaction === undefined) fn();
    else transaction.afterCommit.push(fn);
  }

  override async run<T>(boundary: Boundary, work: () => Promise<T>): Promise<T> {
    if (this.inTransaction) return work();
    const afterCommit: (() => void)[] = [];
    const result = await this.dataSource.transaction((manager) =>
      this.current.run({ manager, afterCommit }, async () => {
        const done = await work();
        failpoint(`${boundary}:before-commit`);
        return done;
      }),
    );
    failpoint(`${boundary}:after-commit`);
    for (const fn of afterCommit) fn();
    return result;
  }

  /**
   * As `run`, but inside a transaction a failure of `work` undoes only what `work` did: without a savepoint PostgreSQL refuses
   * every statement after the first that failed.
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const transaction = this.current.getStore();
    if (transaction === undefined) return this.run('postgres.attempt', work);
    const pending = transaction.afterCommit.length;
    await this.raw('SAVEPOINT attempt', []);
    try {
      const result = await work();
      await this.raw('RELEASE SAVEPOINT attempt', []);
      return result;
    } catch (error) {
      transaction.afterCommit.length = pending;
      await this.raw('ROLLBACK TO SAVEPOINT attempt', []);
      throw error;
    }
  }

  private raw(sql: string, parameters: unknown[]): Promise<unknown[]> {
    const transaction = this.current.getStore();
    return transaction === undefined ? this.alone(sql, parameters) : this.execute(transaction.manager, sql, parameters);
  }

  /** A statement outside a unit of work is a commit of its own when it writes, and has a commit's failpoints. */
  private async alone(sql: string, parameters: unknown[]): Promise<unknown[]> {
    const boundary = loneWrite(sql);
    if (boundary !== null) failpoint(`${boundary}:before-commit`);
    const result = await this.execute(this.dataSource.manager, sql, parameters);
    if (boundary !== null) failpoint(`${boundary}:after-commit`);
    return result;
  }

  /** Sends one statement; the one place where that is done. */
  protected execute(manager: EntityManager, sql: string, parameters: unknown[]): Promise<unknown[]> {
    return manager.query<unknown[]>(sql, parameters);
  }
}

/** True when a statement failed because of a unique or primary key. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.driverError as { code?: string }).code === '23505';
}

function isCounted(result: unknown[]): result is [unknown[], number] {
  return result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number';
}
