import type { Clock, UnitOfWork } from '../kernel/index.js';
import type { ModelView } from './domain/admit.js';
import { countBatch } from './metrics.js';
import type { BatchLedger, BatchReport } from './ports.js';

/**
 * A source of its own, so that giving up is fenced and counted like everything else; one a model, because the claim locks it:
 * with one for all, thousands of models would queue for it and keep every other pass waiting.
 */
const sourceOf = (model: string) => ({ topic: `halves/${model}`, partition: 0 }) as const;

/**
 * Gives up halves that have waited too long: an answer without its request is counted without the input, a request without
 * an answer becomes a dead letter.
 */
export class HalfExpiry {
  constructor(
    private readonly ledger: BatchLedger,
    private readonly work: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** Repeatable; gives up a bounded number a call. Claim and commit are one transaction, so no two can disturb each other. */
  async expire(view: ModelView): Promise<BatchReport> {
    const report = await this.work.run('telemetry.expire-halves', async () => {
      const source = sourceOf(view.name);
      const { epoch, next } = await this.ledger.claim(source);
      return this.ledger.commit({
        ...{ source, epoch, from: next, to: next, at: this.clock.now() },
        ...{ events: [], samples: [], labels: [], halves: [], dead: [] },
        models: new Map([[view.name, view]]),
        expireHalves: true,
      });
    });
    countBatch(report);
    return report;
  }
}
