import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { ModelView } from '../../domain/admit.js';
import { rollUpLevels, type WindowRetention } from '../../domain/roll-up.js';
import { mayBeOutside, WHOLE_SHARE } from '../../domain/answer-share.js';
import type { RequestLabel } from '../../domain/resolve-labels.js';
import { labelsTotal } from '../../metrics.js';
import { type SweepReport, TelemetryRetention } from '../../ports.js';
import { loadShares } from './answer-shares.js';
import { labelLetter } from './apply-labels.js';
import { dropOldSamples } from './cut-samples.js';
import { lockModels } from './intake-offsets.js';
import { insertDeadLetters } from './postgres-dead-letter-store.js';
import { ROLL_UP_CHUNK, rollUpWindows } from './roll-up-windows.js';

/** Rows of a kind that one sweep removes at most, so that its transaction stays short. */
const CHUNK = 5000;

@Injectable()
export class PostgresTelemetryRetention extends TelemetryRetention {
  constructor(private readonly db: Database) {
    super();
  }

  override async sweep(
    view: ModelView,
    now: Date,
    bounds: { readonly windows: WindowRetention; readonly deadLetterRows: number },
  ): Promise<SweepReport & { readonly more: boolean }> {
    const before = (seconds: number): string => new Date(now.getTime() - seconds * 1000).toISOString();
    return this.db.run('telemetry.sweep', async () => {
      await lockModels(this.db, [view.name]);
      const { taken, unmatched: unmatchedLabels } = await this.giveUpLabels(view, before(view.labelWaitSeconds), now);
      const answers = await this.chunk('telemetry.answer', 'model = $1 AND at < $2', [
        view.name,
        before(view.keepSeconds),
      ]);
      const windows = await this.chunk('telemetry."window"', 'model = $1 AND start < $2', [
        view.name,
        before(bounds.windows.totalSeconds),
      ]);
      await this.chunk('telemetry.served', 'model = $1 AND at < $2', [view.name, before(view.keepSeconds)]);
      const rolled: number[] = [];
      for (const level of rollUpLevels(bounds.windows)) {
        rolled.push(await rollUpWindows(this.db, view.name, level, now));
      }
      const samples = await dropOldSamples(this.db, view, now);
      const deadLetters = await this.chunk(
        'telemetry.dead_letter',
        'id <= (SELECT max(id) - $1 FROM telemetry.dead_letter)',
        [bounds.deadLetterRows],
      );
      const full = [taken, answers, windows, deadLetters].some((count) => count >= CHUNK);
      const more = full || rolled.some((count) => count >= ROLL_UP_CHUNK);
      const rolledUp = rolled.reduce((sum, count) => sum + count, 0);
      return { answers, windows, rolledUp, samples, deadLetters, unmatchedLabels, more };
    });
  }

  /** Labels that waited too long become dead letters in the same transaction in which they go. */
  private async giveUpLabels(
    view: ModelView,
    arrivedBefore: string,
    now: Date,
  ): Promise<{ taken: number; unmatched: number }> {
    const labels = await this.db.query<RequestLabel>(
      `WITH gone AS (DELETE FROM telemetry.pending_label WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM telemetry.pending_label WHERE model = $1 AND arrived_at < $2 ORDER BY arrived_at LIMIT ${CHUNK}))
         RETURNING request_id, label, arrival)
       SELECT request_id AS "requestId", label FROM gone ORDER BY arrival`,
      [view.name, arrivedBefore],
    );
    const origin = { topic: 'labels', partition: 0, at: now };
    const reason = { class: 'label-unmatched', detail: 'label for unknown request' } as const;
    // A request outside the smallest share that held meanwhile may have been answered and not kept.
    const share = (await loadShares(this.db, [view.name])).get(view.name) ?? WHOLE_SHARE;
    const unmatched = labels.filter(({ requestId }) => !mayBeOutside(requestId, share, 0));
    labelsTotal.inc({ result: 'outside-share' }, labels.length - unmatched.length);
    await insertDeadLetters(
      this.db,
      unmatched.map((label) => labelLetter(view.name, label, origin, reason)),
    );
    return { taken: labels.length, unmatched: unmatched.length };
  }

  private chunk(table: string, where: string, parameters: unknown[]): Promise<number> {
    return this.db.affected(
      `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${where} LIMIT ${CHUNK}))`,
      parameters,
    );
  }
}
