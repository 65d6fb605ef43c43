import type { Clock, UnitOfWork } from '../kernel/index.js';
import { log } from '../platform/observability/index.js';
import type { PromotionRecord } from './domain/promotion.js';
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

  /** Idempotent: the first record of a candidate stands. Joins the unit of work. */
  async keep(
    candidateId: string,
    ending: Pick<PromotionRecord, 'outcome' | 'decidedBy' | 'reason'> & { readonly promotion?: unknown },
  ): Promise<void> {
    const added = await this.unitOfWork.run('promotions.keep', async () => {
      const { candidate, evidence } = await this.collector.collect(candidateId);
      return this.records.add({
        id: candidateId,
        model: candidate.model,
        outcome: ending.outcome,
        decidedBy: ending.decidedBy,
        reason: ending.reason,
        at: this.clock.now(),
        candidateVersion: candidate.spec.digest,
        champion: candidate.spec.champion,
        reference: candidate.spec.reference,
        evidence: { ...evidence, promotion: ending.promotion ?? null },
      });
    });
    if (!added) return;
    promotionsTotal.inc({ outcome: ending.outcome, decided_by: ending.decidedBy });
    log.info({ candidate: candidateId, outcome: ending.outcome, decidedBy: ending.decidedBy }, 'attempt recorded');
  }
}
