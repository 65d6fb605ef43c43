import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import type { AdmittedEvent } from '../../domain/admit.js';
import { FencedOut } from '../../domain/errors.js';
import type { LabelEvent } from '../../domain/event.js';
import { latencyQuantile } from '../../domain/latency-sketch.js';
import { telemetryPersistence } from '../../persistence.js';
import type { BatchReport, IntakeBatch, PairBounds } from '../../ports.js';
import { aModel, admitted, anEvent, digestOf, FakeModelStore, T0, VIEW } from '../../testing/index.js';
import { PostgresAnswerLedger } from './postgres-answer-ledger.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from './postgres-dead-letter-store.js';
import { PostgresLabelIntake } from './postgres-label-intake.js';
import { PostgresWindowStore } from './postgres-window-store.js';

const A = digestOf('a');
const B = digestOf('b');
const source = { topic: 'in-process', partition: 0 };
let test: TestDatabase;
let ledger: PostgresBatchLedger;
let windows: PostgresWindowStore;
let answers: PostgresAnswerLedger;
let labels: PostgresLabelIntake;
let letters: PostgresDeadLetterStore;
let epoch = 0;
let next = 0;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
  ledger = new PostgresBatchLedger(test.db);
  windows = new PostgresWindowStore(test.db);
  answers = new PostgresAnswerLedger(test.db);
  letters = new PostgresDeadLetterStore(test.db);
  labels = new PostgresLabelIntake(test.db, new FakeModelStore([aModel()]), new FakeClock(T0));
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.db
    .query(`TRUNCATE telemetry.intake_offset, telemetry."window", telemetry.feature_profile, telemetry.answer,
    telemetry.pending_label, telemetry.sample, telemetry.dead_letter RESTART IDENTITY`);
  ({ epoch, next } = await ledger.claim(source));
});

function batchOf(events: readonly AdmittedEvent[], said: readonly LabelEvent[] = []): IntakeBatch {
  const to = next + Math.max(1, events.length + said.length);
  const models = new Map([['toy', VIEW]]);
  return { source, epoch, from: next, to, events, samples: events, labels: said, halves: [], dead: [], models, at: T0 };
}

async function commit(events: readonly AdmittedEvent[], said: readonly LabelEvent[] = []): Promise<BatchReport> {
  const batch = batchOf(events, said);
  const report = await ledger.commit(batch);
  next = batch.to;
  return report;
}

const label = (n: number, value: number): LabelEvent => ({
  kind: 'label',
  model: 'toy',
  requestId: `r${n}`,
  label: value,
});
const events = (from: number, to: number): AdmittedEvent[] =>
  Array.from({ length: to - from }, (_, i) => admitted(anEvent(from + i)));
const totals = async (): Promise<{ requests: number; labelled: number; correct: number }> => {
  const all = await windows.listModel('toy', new Date(0));
  const sum = (of: (w: (typeof all)[number]) => number): number => all.reduce((total, w) => total + of(w), 0);
  return { requests: sum((w) => w.requests), labelled: sum((w) => w.labelled), correct: sum((w) => w.correct) };
};

describe('PostgresBatchLedger', () => {
  it('counts each event once, whatever the batches, their order and the duplicates', async () => {
    const all = events(0, 400);
    await commit(all.slice(0, 150));
    const once = await commit(all.slice(100, 300).reverse());
    expect(once).toMatchObject({ outcome: 'committed', counted: 150, duplicates: 50 });
    await commit([...all.slice(250), ...all.slice(250)]);
    const shuffled = await windows.listModel('toy', new Date(0));
    expect(await totals()).toMatchObject({ requests: 400 });
    expect(shuffled).toHaveLength(40);

    await test.db.query('TRUNCATE telemetry."window", telemetry.answer, telemetry.sample, telemetry.feature_profile');
    await commit(all);
    const straight = await windows.listModel('toy', new Date(0));
    const shape = ({ features: _, moments, ...rest }: (typeof straight)[number]): object => ({
      ...rest,
      moments: Object.values(moments).map(({ m2, mean, ...exact }) => [exact, m2.toFixed(9), mean.toFixed(9)]),
    });
    expect(shuffled.map(shape)).toEqual(straight.map(shape));
    const counted = shuffled.map((w) => w.features['mean']?.counts.reduce((a, b) => a + b, 0));
    expect(counted).toEqual(straight.map(() => 10));
    expect(latencyQuantile(shuffled, 0.5)).toBeCloseTo(5, 0);
  });

  it('does nothing when the same batch comes again because its answer was lost', async () => {
    const batch = batchOf(events(0, 20));
    await ledger.commit(batch);
    expect(await ledger.commit(batch)).toMatchObject({ outcome: 'repeated', counted: 0 });
    expect(await totals()).toMatchObject({ requests: 20 });
  });

  it('lets a zombie with an old epoch change nothing', async () => {
    await commit(events(0, 10));
    const zombie = batchOf(events(10, 20), [label(1, 1)]);
    const taken = await ledger.claim(source);
    await expect(ledger.commit(zombie)).rejects.toBeInstanceOf(FencedOut);
    expect(await totals()).toEqual({ requests: 10, labelled: 0, correct: 0 });
    expect(taken).toEqual({ epoch: epoch + 1, next });
    epoch = taken.epoch;
    await commit(events(10, 20));
    expect(await totals()).toMatchObject({ requests: 20 });
  });

  it('writes nothing at all when one part of a batch fails', async () => {
    const broken = { ...batchOf(events(0, 10)), samples: [admitted(anEvent(3, { requestId: 'r3' }))] };
    const view = { ...VIEW, name: 'toy', sampleSeconds: Number.NaN };
    await expect(ledger.commit({ ...broken, models: new Map([['toy', view]]) })).rejects.toThrow();
    expect(await totals()).toMatchObject({ requests: 0 });
    expect(await ledger.commit(broken)).toMatchObject({ outcome: 'committed', counted: 10 });
  });

  it('counts a failed request and its later answer under the same id, and the answer only once', async () => {
    const failed = admitted(anEvent(1, { error: 'timeout', prediction: null, confidence: null }));
    const answered = admitted(anEvent(1, { at: new Date(T0.getTime() + 2000) }));
    await commit([failed, answered]);
    await commit([answered, failed]);
    const [window] = await windows.list('toy', A, new Date(0));
    expect(window).toMatchObject({ requests: 2, errors: 1, predictions: { '1': 1 } });
  });

  it('joins labels with their answers, before or after, and counts them in the answer’s window', async () => {
    await commit(events(0, 2), [label(5, 2), label(0, 0)]);
    await labels.accept('toy', [
      { requestId: 'r6', label: 2 },
      { requestId: 'r1', label: 0 },
    ]);
    expect(await totals()).toEqual({ requests: 2, labelled: 2, correct: 1 });
    await commit(events(2, 8));
    expect(await totals()).toEqual({ requests: 8, labelled: 4, correct: 2 });
    const labelled = await answers.labelledAfter('toy', A, 0, 10);
    expect(labelled.map(({ requestId, label: value }) => [requestId, value])).toEqual([
      ['r0', 0],
      ['r1', 0],
      ['r5', 2],
      ['r6', 2],
    ]);
    const sequences = labelled.map(({ sequence }) => sequence);
    expect([...sequences].sort((a, b) => a - b)).toEqual(sequences);
    expect(await answers.labelledAfter('toy', A, sequences[1] ?? 0, 1)).toMatchObject([{ requestId: 'r5' }]);
  });

  it('lets the first label win; a repeat is nothing, a contradiction is a dead letter', async () => {
    await commit(events(0, 2), [label(0, 1), label(0, 1), label(0, 2)]);
    await labels.accept('toy', [
      { requestId: 'r0', label: 1 },
      { requestId: 'r0', label: 2 },
      { requestId: 'r9', label: 1 },
      { requestId: 'r9', label: 0 },
    ]);
    expect(await totals()).toMatchObject({ labelled: 1, correct: 0 });
    expect(await letters.list({ model: 'toy', limit: 10 })).toMatchObject([
      { reason: { class: 'label-conflict', detail: 'label 0 differs from 1, which came first' } },
      { reason: { class: 'label-conflict', detail: 'label 2 differs from 1, which came first' } },
      { reason: { class: 'label-conflict' } },
    ]);
  });

  it('never shows a label sequence before a lower one, with writers at the same time', async () => {
    await commit(events(0, 200));
    const seen: number[] = [];
    let after = 0;
    const read = async (): Promise<void> => {
      for (const row of await answers.labelledAfter('toy', A, after, 1000)) {
        seen.push(row.sequence);
        after = row.sequence;
      }
    };
    const writers = Array.from({ length: 20 }, (_, w) =>
      labels.accept(
        'toy',
        Array.from({ length: 10 }, (__, i) => ({ requestId: `r${w * 10 + i}`, label: 1 })),
      ),
    );
    const done = Promise.all(writers);
    let running = true;
    void done.finally(() => (running = false));
    while (running) await read();
    await done;
    await read();
    expect(seen).toHaveLength(200);
    expect(await totals()).toMatchObject({ labelled: 200 });
  });

  it('pairs champion and candidate in both directions; labelled pairs keep their order', async () => {
    await commit([
      admitted(anEvent(0, { shadow: { version: B, prediction: 2, output: null } })),
      admitted(anEvent(1, { version: B, arm: 'candidate', shadow: { version: A, prediction: 0, output: null } })),
      admitted(anEvent(2, { shadow: { version: B, prediction: null, output: null } })),
      admitted(anEvent(3, { shadow: { version: digestOf('c'), prediction: 1, output: null } })),
      admitted(anEvent(4, { shadow: { version: B, prediction: 1, output: null } })),
    ]);
    await labels.accept('toy', [
      { requestId: 'r4', label: 1 },
      { requestId: 'r0', label: 0 },
    ]);
    const since = new Date(T0.getTime() - 1);
    const all = {
      ...{ labelledAfter: 0, labelled: 10, unlabelledFrom: since, unlabelled: 10 },
      unlabelledUntil: new Date(T0.getTime() + 60_000),
    };
    const pairs = await answers.pairs('toy', A, B, { ...all, since });
    expect(
      pairs.map(({ requestId, champion, candidate, label: value }) => [requestId, champion, candidate, value]),
    ).toEqual([
      ['r4', 1, 1, 1],
      ['r0', 0, 2, 0],
      ['r1', 0, 1, null],
    ]);
    expect(await answers.pairs('toy', A, B, { ...all, since: new Date(T0.getTime() + 1000) })).toHaveLength(1);
    const idsOf = async (bounds: Partial<PairBounds>): Promise<string[]> =>
      (await answers.pairs('toy', A, B, { ...all, since, ...bounds })).map(({ requestId }) => requestId);
    expect(await idsOf({ labelled: 1 })).toEqual(['r4', 'r1']);
    expect(await idsOf({ labelledAfter: pairs[0]?.sequence ?? -1 })).toEqual(['r0', 'r1']);
    expect(await idsOf({ unlabelledFrom: new Date(T0.getTime() + 60_000) })).toEqual(['r4', 'r0']);
    expect(await idsOf({ unlabelled: 0 })).toEqual(['r4', 'r0']);
    expect(await idsOf({ unlabelledUntil: since })).toEqual(['r4', 'r0']);
    expect(await idsOf({ labelled: -5, unlabelled: -5 })).toEqual([]);
  });

  it('writes 500 answers in a small part of a second', async () => {
    const times: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const batch = Array.from({ length: 500 }, (_, i) =>
        admitted(anEvent((round * 500 + i) % 60, { requestId: `p${round}-${i}` })),
      );
      const begin = performance.now();
      await commit(batch);
      times.push(performance.now() - begin);
    }
    expect(Math.min(...times)).toBeLessThan(500);
  });
});
