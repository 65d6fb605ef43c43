import type { Clock, UnitOfWork } from '../kernel/index.js';
import { log } from '../platform/observability/index.js';
import type { Promotion, PromotionRecord } from './domain/promotion.js';
import type { EvidenceCollector } from './evidence.js';
import { promotionsTotal } from './metrics.js';
import type { RecordStore } from './ports.js';

/** Writes the immutable record of how an attempt to change the champion ended. */
export class RecordKeeper {
  constructor(
    private readonly records: RecordStore,
    private readonly collector: EvidenceCollector,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** Idempotent: the first record of an attempt stands. Joins the unit of work. */
  async keep(
    candidateId: string,
    ending: Pick<PromotionRecord, 'outcome' | 'decidedBy' | 'reason'> & {
      readonly promotion?: unknown;
      /** The rollout that ended; absent when it never came so far. */
      readonly rollout?: string;
    },
  ): Promise<void> {
    const { outcome, decidedBy, reason } = ending;
    const added = await this.unitOfWork.run('promotions.keep', async () => {
      const { candidate, evidence } = await this.collector.collect(candidateId, ending.rollout);
      const attempt = evidence.rollout?.spec.attempt ?? 1;
      return this.records.add({
        ...{ id: attempt === 1 ? candidateId : `${candidateId}-a${attempt}`, model: candidate.model },
        ...{ outcome, decidedBy, reason, at: this.clock.now(), candidateVersion: candidate.spec.digest },
        ...{ champion: candidate.spec.champion, reference: candidate.spec.reference },
        evidence: { ...evidence, promotion: ending.promotion ?? null },
      });
    });
    this.tell(candidateId, outcome, decidedBy, added);
  }

  /** The record of a promotion that takes another one back. Idempotent; joins the unit of work. */
  async keepRollback(back: Promotion, reason: string): Promise<void> {
    const { candidate, candidateVersion, champion, reference, rollout } = back.spec;
    const { evidence } = await this.collector.collect(candidate, rollout);
    const ending = { outcome: 'rolled-back', decidedBy: 'promotions' } as const;
    const added = await this.records.add({
      ...{ id: back.id, model: back.model, ...ending, reason, at: this.clock.now() },
      ...{ candidateVersion, champion, reference },
      evidence: { ...evidence, promotion: back },
    });
    this.tell(candidate, ending.outcome, ending.decidedBy, added);
  }

  private tell(candidate: string, outcome: string, decidedBy: string, added: boolean): void {
    if (!added) return;
    promotionsTotal.inc({ outcome: outcome.replace('-', '_'), decided_by: decidedBy });
    log.info({ candidate, outcome, decidedBy }, 'attempt recorded');
  }
}
