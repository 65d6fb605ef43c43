import { Injectable, Optional } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent, ModelView } from '../../domain/admit.js';
import { type AnswerShare, isKept, WHOLE_SHARE } from '../../domain/answer-share.js';
import type { DeadLetter } from '../../domain/dead-letter.js';
import { deduplicate, identity } from '../../domain/deduplicate.js';
import { BatchRefused } from '../../domain/errors.js';
import type { BadClass, InferenceEvent } from '../../domain/event.js';
import { ShapeCache } from '../../domain/shape-cache.js';
import { stableHash } from '../../domain/stable-hash.js';
import { Tally } from '../../domain/tally.js';
import { BatchLedger, type BatchReport, type IntakeBatch, type IntakeSource, type LabelReport } from '../../ports.js';
import { advanceShares, loadShares } from './answer-shares.js';
import { applyLabels, takePending } from './apply-labels.js';
import { insertAnswers } from './insert-answers.js';
import { insertOutputPairs } from './output-pairs.js';
import { HalfJoin, type HalfWork } from './join-halves.js';
import { advanceOffset, claimSource, lockModels } from './intake-offsets.js';
import { insertDeadLetters } from './postgres-dead-letter-store.js';
import { storeServed } from './store-served.js';
import { writeSamples } from './write-samples.js';
import { writeTally } from './write-tally.js';

const NO_LABELS: LabelReport = { joined: 0, early: 0, repeated: 0, conflicts: 0 };

/** The batch's way into the tables; the order of locks is offset row, then models. */
@Injectable()
export class PostgresBatchLedger extends BatchLedger {
  private readonly shapes = new ShapeCache();

  /** Without `halves` there is nothing that joins them, and a batch must hold none. */
  constructor(
    private readonly db: Database,
    @Optional() private readonly halves?: HalfJoin,
  ) {
    super();
  }

  override claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }> {
    return claimSource(this.db, source);
  }

  override async commit(batch: IntakeBatch): Promise<BatchReport> {
    try {
      // Several batches may stand in one transaction (a replay); one that the store refuses must not take the others along.
      return await this.db.attempt(() => this.write(batch));
    } catch (error) {
      if (refusesContent(error)) throw new BatchRefused(error.message, { cause: error });
      throw error;
    }
  }

  private async write(given: IntakeBatch): Promise<BatchReport> {
    if (!(await advanceOffset(this.db, given))) {
      return { outcome: 'repeated', counted: 0, duplicates: 0, sampled: 0, labels: NO_LABELS, dead: {} };
    }
    await lockModels(this.db, namesOf(given));
    const halves = await this.halves?.join(given);
    const batch = halves === undefined ? given : withJoined(given, halves);
    const isLog = given.tally !== undefined;
    const tally = given.tally ?? new Tally();
    if (isLog) this.count(halves?.events ?? [], batch.models, tally);
    const shares = await this.share(given.tally, batch);
    const kept = isLog ? batch.events.filter(({ event }) => isInside(event, shares)) : batch.events;
    const { first, retries } = deduplicate(kept);
    const fresh = [...(await insertAnswers(this.db, first)), ...(await insertAnswers(this.db, retries))];
    if (!isLog) this.count(fresh, batch.models, tally);
    await writeTally(this.db, tally);
    return {
      outcome: 'committed',
      counted: sumOf(tally),
      duplicates: kept.length - fresh.length,
      ...(await this.writeRest(batch, fresh, shares)),
      ...(halves === undefined ? {} : { halves: halves.report }),
      levels: new Map([...shares].map(([model, { level }]) => [model, level])),
    };
  }

  private count(events: readonly AdmittedEvent[], models: ReadonlyMap<string, ModelView>, tally: Tally): void {
    for (const admitted of events) {
      const view = models.get(admitted.event.model);
      if (view !== undefined) tally.add(admitted, this.shapes.of(view));
    }
  }

  /** Shares of all models of the batch; those that the tally has counted are set by it. */
  private async share(tally: Tally | undefined, batch: IntakeBatch): Promise<Map<string, AnswerShare>> {
    const labelled = await loadShares(this.db, [...new Set(batch.labels.map(({ model }) => model))]);
    if (tally === undefined) return labelled;
    const seen = new Map([...tally.models].map(([model, { requests }]) => [model, requests]));
    return new Map([...labelled, ...(await advanceShares(this.db, seen, batch.models, batch.at))]);
  }

  /** What is kept one by one of new answers: labels, samples and counts of what was served. */
  private async writeRest(
    batch: IntakeBatch,
    fresh: readonly AdmittedEvent[],
    shares: ReadonlyMap<string, AnswerShare>,
  ): Promise<Pick<BatchReport, 'sampled' | 'labels' | 'dead'>> {
    const isFresh = new Set(fresh.map(({ event }) => identity(event)));
    const samples = groupByModel(
      batch.samples.filter(
        ({ event }) => event.prediction !== null && event.input !== null && isFresh.has(identity(event)),
      ),
      ({ event }) => event.model,
    );
    const served = groupByModel(batch.served ?? [], ({ model }) => model);
    const pairs = groupByModel(
      fresh.filter(({ event }) => event.output !== null && event.shadow !== null),
      ({ event }) => event.model,
    );
    const said = groupByModel(batch.labels, ({ model }) => model);
    const waiting = await takePending(
      this.db,
      fresh.filter(({ event }) => event.prediction !== null).map(({ event }) => event),
    );
    let labels = NO_LABELS;
    let sampled = 0;
    const dead: DeadLetter[] = [...batch.dead];
    for (const view of batch.models.values()) {
      const { name } = view;
      await storeServed(this.db, view, served.get(name) ?? []);
      await insertOutputPairs(this.db, view, pairs.get(name) ?? [], batch.at);
      sampled += await writeSamples(
        this.db,
        view,
        samples.get(name) ?? [],
        (batch.chances?.get(name) ?? 1) * shareOf(batch, shares, name),
      );
      const all = [...(waiting.get(name) ?? []), ...(said.get(name) ?? [])];
      if (all.length === 0) continue;
      const report = await applyLabels(
        this.db,
        name,
        all,
        { ...batch.source, at: batch.at },
        {
          share: shares.get(name) ?? WHOLE_SHARE,
          fromLog: batch.tally !== undefined,
        },
      );
      labels = addReports(labels, report);
      dead.push(...report.dead);
    }
    await insertDeadLetters(this.db, dead);
    return { sampled, labels, dead: countClasses(dead) };
  }
}

/** Names of all models that a batch writes to. */
function namesOf({ events, tally, labels, served, halves, expireHalves, models }: IntakeBatch): string[] {
  return [
    ...events.map(({ event }) => event.model),
    ...(tally?.models.keys() ?? []),
    ...[...labels, ...(served ?? [])].map(({ model }) => model),
    ...halves.map(({ half }) => half.model),
    ...(expireHalves === true ? models.keys() : []),
  ];
}

/** The batch with the inferences whose halves have met. */
function withJoined(batch: IntakeBatch, { events, picked, dead }: HalfWork): IntakeBatch {
  const chances = events.length === 0 ? batch.chances : new Map([...(batch.chances ?? []), ...(picked.chances ?? [])]);
  return {
    ...batch,
    events: [...batch.events, ...events],
    samples: [...batch.samples, ...picked.samples],
    ...(chances === undefined ? {} : { chances }),
    dead: [...batch.dead, ...dead],
  };
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
    outside: (a.outside ?? 0) + (b.outside ?? 0),
  };
}

/** Whether an event's answer is among those that are kept one by one. */
function isInside({ model, requestId }: InferenceEvent, shares: ReadonlyMap<string, AnswerShare>): boolean {
  const level = shares.get(model)?.level ?? 0;
  return level === 0 || isKept(stableHash(requestId), level);
}

/** The chance of an event to be among those that are kept one by one. */
function shareOf({ tally, levels }: IntakeBatch, shares: ReadonlyMap<string, AnswerShare>, model: string): number {
  return tally === undefined ? 1 : 2 ** -Math.max(levels?.get(model) ?? 0, shares.get(model)?.level ?? 0);
}

function sumOf(tally: Tally): number {
  return [...tally.models.values()].reduce((sum, { requests }) => sum + requests, 0);
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
