import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent, ModelView } from '../../domain/admit.js';
import type { DeadLetter } from '../../domain/dead-letter.js';
import { deduplicate, identity } from '../../domain/deduplicate.js';
import { BatchRefused } from '../../domain/errors.js';
import type { BadClass } from '../../domain/event.js';
import { summariseBatch } from '../../domain/summarise-batch.js';
import { BatchLedger, type BatchReport, type IntakeBatch, type IntakeSource, type LabelReport } from '../../ports.js';
import { applyLabels, takePending } from './apply-labels.js';
import { loadProfiles, saveProfiles } from './feature-profiles.js';
import { insertAnswers } from './insert-answers.js';
import { advanceOffset, claimSource, lockModels } from './intake-offsets.js';
import { insertDeadLetters } from './postgres-dead-letter-store.js';
import { storeServed } from './store-served.js';
import { addToWindows } from './window-rows.js';
import { writeSamples } from './write-samples.js';

const NO_LABELS: LabelReport = { joined: 0, early: 0, repeated: 0, conflicts: 0 };

/** The batch's way into the tables; the order of locks is offset row, then models. */
@Injectable()
export class PostgresBatchLedger extends BatchLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }> {
    return claimSource(this.db, source);
  }

  override async commit(batch: IntakeBatch): Promise<BatchReport> {
    try {
      return await this.db.run(() => this.write(batch));
    } catch (error) {
      if (refusesContent(error)) throw new BatchRefused(error.message, { cause: error });
      throw error;
    }
  }

  private async write(batch: IntakeBatch): Promise<BatchReport> {
    if (!(await advanceOffset(this.db, batch))) {
      return { outcome: 'repeated', counted: 0, duplicates: 0, sampled: 0, labels: NO_LABELS, dead: {} };
    }
    const { first, retries } = deduplicate(batch.events);
    await lockModels(this.db, [
      ...batch.events.map(({ event }) => event.model),
      ...batch.labels.map(({ model }) => model),
      ...(batch.served ?? []).map(({ model }) => model),
    ]);
    const counted = [...(await insertAnswers(this.db, first)), ...(await insertAnswers(this.db, retries))];
    const byModel = groupByModel(counted, ({ event }) => event.model);
    const servedByModel = groupByModel(batch.served ?? [], ({ model }) => model);
    const labelsByModel = groupByModel(batch.labels, ({ model }) => model);
    const fresh = new Set(counted.map(({ event }) => identity(event)));
    const samplesByModel = groupByModel(
      batch.samples.filter(
        ({ event }) => event.prediction !== null && event.input !== null && fresh.has(identity(event)),
      ),
      ({ event }) => event.model,
    );

    let labels = NO_LABELS;
    let sampled = 0;
    const dead: DeadLetter[] = [...batch.dead];
    for (const view of batch.models.values()) {
      const events = byModel.get(view.name) ?? [];
      await this.count(view, events);
      await storeServed(this.db, view, servedByModel.get(view.name) ?? []);
      sampled += await writeSamples(this.db, view, samplesByModel.get(view.name) ?? [], batch.at);
      const answered = events.filter(({ event }) => event.prediction !== null).map(({ event }) => event.requestId);
      const waiting = await takePending(this.db, view.name, answered);
      const report = await applyLabels(this.db, view.name, [...waiting, ...(labelsByModel.get(view.name) ?? [])], {
        ...batch.source,
        at: batch.at,
      });
      labels = addReports(labels, report);
      dead.push(...report.dead);
    }
    await insertDeadLetters(this.db, dead);
    return {
      outcome: 'committed',
      counted: counted.length,
      duplicates: batch.events.length - counted.length,
      sampled,
      labels,
      dead: countClasses(dead),
    };
  }

  private async count(view: ModelView, events: readonly AdmittedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const profiles = await loadProfiles(this.db, view.name);
    const summary = summariseBatch(view, events, profiles);
    await saveProfiles(this.db, view.name, summary.profiles);
    await addToWindows(this.db, view.name, summary.windows);
  }
}

/** SQLSTATE classes 21 to 23: the data itself is at fault, so another attempt ends the same way. */
function refusesContent(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { driverError } = error as { driverError?: { code?: unknown } };
  return typeof driverError?.code === 'string' && /^2[123]/.test(driverError.code);
}

function addReports(a: LabelReport, b: LabelReport): LabelReport {
  return {
    joined: a.joined + b.joined,
    early: a.early + b.early,
    repeated: a.repeated + b.repeated,
    conflicts: a.conflicts + b.conflicts,
  };
}

function countClasses(letters: readonly DeadLetter[]): Partial<Record<BadClass, number>> {
  const counts: Partial<Record<BadClass, number>> = {};
  for (const { reason } of letters) counts[reason.class] = (counts[reason.class] ?? 0) + 1;
  return counts;
}

function groupByModel<T>(items: readonly T[], modelOf: (item: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(modelOf(item));
    if (group === undefined) groups.set(modelOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
