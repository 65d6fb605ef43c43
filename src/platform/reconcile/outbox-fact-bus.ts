import { Injectable } from '@nestjs/common';
import { Clock, type Fact, FactBus, type FactType, Ids } from '../../kernel/index.js';
import { log } from '../observability/index.js';
import { Database, reviveDates } from '../postgres/index.js';
import { factsTotal } from './metrics.js';

interface OutboxEntry {
  readonly sequence: string;
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly at: Date;
}

type Handler = (fact: Fact<unknown>) => Promise<void>;

/** Facts as rows written with the state they tell of; delivered in the transaction that marks them delivered. */
@Injectable()
export class OutboxFactBus extends FactBus {
  private readonly subscribers = new Map<string, { subscriber: string; handler: Handler }[]>();
  onDue: () => void = () => undefined;

  constructor(
    private readonly db: Database,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async publish<Data>(type: FactType<Data>, data: Data): Promise<void> {
    if (!this.db.inTransaction) throw new Error(`The fact "${type.name}" must be published inside a unit of work.`);
    await this.db.query(
      'INSERT INTO platform.outbox (id, name, data, at, next_try_at) VALUES ($1, $2, $3, $4, now())',
      [this.ids.next(), type.name, JSON.stringify(data), this.clock.now()],
    );
    this.db.afterCommit(() => {
      this.onDue();
    });
  }

  override subscribe<Data>(
    type: FactType<Data>,
    subscriber: string,
    handler: (fact: Fact<Data>) => Promise<void>,
  ): void {
    const entries = this.subscribers.get(type.name) ?? [];
    entries.push({ subscriber, handler: handler as Handler });
    this.subscribers.set(type.name, entries);
  }

  /** Delivers what is due, oldest first; returns how many facts were delivered. */
  async relay(limit = 50): Promise<number> {
    let delivered = 0;
    while (delivered < limit && (await this.relayOne())) delivered += 1;
    return delivered;
  }

  /** Forgets delivered facts that are older than a day. */
  async prune(): Promise<void> {
    await this.db.query(`DELETE FROM platform.outbox WHERE delivered_at < now() - interval '1 day'`);
  }

  private async relayOne(): Promise<boolean> {
    let taken: OutboxEntry | undefined;
    try {
      return await this.db.run('reconcile.relay-one', async () => {
        [taken] = await this.db.query<OutboxEntry>(
          `SELECT sequence, id, name, data, at FROM platform.outbox
           WHERE delivered_at IS NULL AND next_try_at <= now() ORDER BY sequence LIMIT 1 FOR UPDATE SKIP LOCKED`,
        );
        if (taken === undefined) return false;
        const fact: Fact<unknown> = { id: taken.id, name: taken.name, data: reviveDates(taken.data), at: taken.at };
        for (const { handler } of this.subscribers.get(taken.name) ?? []) await handler(fact);
        await this.db.query('UPDATE platform.outbox SET delivered_at = now() WHERE sequence = $1', [taken.sequence]);
        factsTotal.inc({ fact: taken.name, result: 'delivered' });
        return true;
      });
    } catch (error) {
      if (taken === undefined) throw error;
      factsTotal.inc({ fact: taken.name, result: 'failed' });
      log.warn({ fact: taken.name, id: taken.id, error: String(error) }, 'fact could not be delivered');
      await this.db.query(
        `UPDATE platform.outbox SET attempts = attempts + 1,
           next_try_at = now() + LEAST(30, 0.25 * power(2, attempts)) * interval '1 second' WHERE sequence = $1`,
        [taken.sequence],
      );
      return true;
    }
  }
}
