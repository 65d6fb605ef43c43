import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/index.js';
import { ModelStore } from '../../../models/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { countDeadLetters, countLabels } from '../../metrics.js';
import { WHOLE_SHARE } from '../../domain/answer-share.js';
import { type Label, LabelIntake } from '../../ports.js';
import { loadShares } from './answer-shares.js';
import { applyLabels } from './apply-labels.js';
import { lockModels } from './intake-offsets.js';
import { insertDeadLetters } from './postgres-dead-letter-store.js';

/** Labels that come by themselves, outside a batch; durable when `accept` resolves. */
@Injectable()
export class PostgresLabelIntake extends LabelIntake {
  constructor(
    private readonly db: Database,
    private readonly models: ModelStore,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** @throws NotFound when there is no such model */
  override async accept(model: string, labels: readonly Label[]): Promise<void> {
    await this.models.require(model);
    const report = await this.db.run('telemetry.accept-labels', async () => {
      await lockModels(this.db, [model]);
      const share = (await loadShares(this.db, [model])).get(model) ?? WHOLE_SHARE;
      const origin = { topic: 'labels', partition: 0, at: this.clock.now() };
      const applied = await applyLabels(this.db, model, labels, origin, { share, fromLog: false });
      await insertDeadLetters(this.db, applied.dead);
      return applied;
    });
    countLabels(report);
    if (report.conflicts > 0) countDeadLetters({ 'label-conflict': report.conflicts });
  }
}
