import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { type AdmittedEvent, viewOf } from '../../domain/admit.js';
import type { LabelEvent, ServedEvent } from '../../domain/event.js';
import { mergeLatencies } from '../../domain/latency-sketch.js';
import type { Window } from '../../domain/window.js';
import { telemetryPersistence } from '../../persistence.js';
import { aModel, admitted, anEvent, digestOf, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresTelemetryRetention } from './postgres-telemetry-retention.js';
import { PostgresWindowStore } from './postgres-window-store.js';

const A = digestOf('a');
const HOUR = 3_600_000;
/** Windows of 7 s, which divide neither a minute nor an hour; answers and labels are kept for long. */
const view = viewOf(aModel('toy', { windowSeconds: 7, labelWaitSeconds: 2_000_000, sampleRows: 10 }));
const bounds = {
  windows: { baseSeconds: 600, minuteSeconds: 2 * 3600, totalSeconds: 1e9 },
  deadLetterRows: 100,
};
let test: TestDatabase;
let ledger: PostgresBatchLedger;
let retention: PostgresTelemetryRetention;
let windows: PostgresWindowStore;
let place: { epoch: number; next: number };

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
  ledger = new PostgresBatchLedger(test.db);
  retention = new PostgresTelemetryRetention(test.db);
  windows = new PostgresWindowStore(test.db);
}, 60_000);
afterAll(() => test.close());
beforeEach(reset);

async function reset(): Promise<void> {
  await test.db
    .query(`TRUNCATE telemetry."window", telemetry.feature_profile, telemetry.answer, telemetry.pending_label,
    telemetry.sample, telemetry.sample_cell, telemetry.served, telemetry.dead_letter RESTART IDENTITY`);
  place = await ledger.claim({ topic: 't', partition: 0 });
}

const at = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
const event = (n: number, seconds: number): AdmittedEvent =>
  admitted(anEvent(n, { at: at(seconds), features: { mean: n % 97, std: 1 } }), at(seconds), view);
const label = (n: number, value: number): LabelEvent => ({
  kind: 'label',
  model: 'toy',
  requestId: `r${n}`,
  label: value,
});
const served = (seconds: number, requests: number): ServedEvent => ({
  ...{ kind: 'served', model: 'toy', version: A, source: 's', seconds: 7, requests },
  at: new Date(Math.floor(at(seconds).getTime() / 7000) * 7000),
});

async function commit(
  events: readonly AdmittedEvent[],
  labels: readonly LabelEvent[] = [],
  counts: readonly ServedEvent[] = [],
): Promise<void> {
  const from = place.next;
  const to = from + Math.max(1, events.length + labels.length + counts.length);
  await ledger.commit({
    ...{ source: { topic: 't', partition: 0 }, epoch: place.epoch, from, to, events, labels, served: counts },
    ...{ samples: [], halves: [], dead: [], models: new Map([['toy', view]]), at: T0 },
  });
  place.next = to;
}
const sweep = (now: Date) => retention.sweep(view, now, bounds);

function sum(all: readonly Window[], of: (window: Window) => number): number {
  return all.reduce((total, window) => total + of(window), 0);
}
async function totals() {
  const all = await windows.listModel('toy', new Date(0));
  const histogram = (window: Window): number => window.features['mean']?.counts.reduce((a, b) => a + b, 0) ?? 0;
  return {
    requests: sum(all, (w) => w.requests),
    labelled: sum(all, (w) => w.labelled),
    correct: sum(all, (w) => w.correct),
    served: sum(all, (w) => w.served ?? 0),
    moments: sum(all, (w) => w.moments['mean']?.count ?? 0),
    binned: sum(all, histogram),
    predictions: sum(all, (w) => Object.values(w.predictions).reduce((a, b) => a + b, 0)),
    latencies: mergeLatencies(all).count,
  };
}

describe('rolling windows up', () => {
  it('merges base windows into minutes and those into hours, and leaves what is recent', async () => {
    await commit(Array.from({ length: 600 }, (_, i) => event(i, i * 7)));
    const before = await totals();
    expect(before).toMatchObject({ requests: 600, moments: 600, binned: 600, latencies: 600 });
    expect((await windows.listModel('toy', new Date(0))).length).toBe(600);
    const report = await sweep(at(4200));
    const sizes = (await windows.listModel('toy', new Date(0))).map(({ seconds }) => seconds);
    expect(new Set(sizes)).toEqual(new Set([7, 63]));
    expect(report.rolledUp).toBe(600 - sizes.filter((seconds) => seconds === 7).length);
    expect(await totals()).toEqual(before);
    await sweep(new Date(T0.getTime() + 24 * HOUR));
    const coarse = await windows.listModel('toy', new Date(0));
    expect(new Set(coarse.map(({ seconds }) => seconds))).toEqual(new Set([3654]));
    expect(coarse.length).toBeLessThanOrEqual(3);
    expect(await totals()).toEqual(before);
  });

  it('adds labels, served counts and late events to what was rolled up, and merges them at the next one', async () => {
    await commit([event(1, 0), event(2, 1)], [], [served(0, 4)]);
    await sweep(new Date(T0.getTime() + 24 * HOUR));
    await commit([], [label(1, 1), label(2, 0)], [served(0, 5)]);
    const [rolled, ...rest] = await windows.listModel('toy', new Date(0));
    expect(rest).toEqual([]);
    expect(rolled).toMatchObject({ seconds: 3654, requests: 2, labelled: 2, correct: 1, served: 5 });
    await commit([event(3, 2)], [label(3, 0)]);
    expect((await windows.listModel('toy', new Date(0))).map(({ seconds }) => seconds)).toEqual([3654, 7]);
    await sweep(new Date(T0.getTime() + 25 * HOUR));
    const all = await windows.listModel('toy', new Date(0));
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({ requests: 3, labelled: 3, correct: 2, served: 5 });
  });

  it('shows a reader with a cursor by start nothing twice, also when it was away while windows were rolled up', async () => {
    const cursor = { at: 0, requests: 0 };
    const read = async (): Promise<void> => {
      const fresh = (await windows.list('toy', A, new Date(0))).filter(({ start }) => start.getTime() > cursor.at);
      cursor.requests += sum(fresh, (window) => window.requests);
      cursor.at = fresh.at(-1)?.start.getTime() ?? cursor.at;
    };
    const hour = (from: number) => Array.from({ length: 500 }, (_, i) => event(from + i, (from + i) * 7));
    await commit(hour(0));
    await read();
    expect(cursor.requests).toBe(500);
    for (const later of [4000, 8000, 40_000]) {
      await sweep(at(later));
      await read();
    }
    expect(cursor.requests).toBe(500);
    // It is away while the next windows come, and comes back when they are coarse.
    await commit(hour(500));
    await sweep(at(100_000));
    await read();
    expect(cursor.requests).toBeLessThanOrEqual(1000);
    const missed = 1000 - cursor.requests;
    expect(missed).toBeLessThanOrEqual(3654 / 7);
    await commit([event(2000, 101_000)]);
    await read();
    expect(cursor.requests).toBe(1001 - missed);
  });

  it('forgets windows that are older than anything is kept, whatever their size', async () => {
    await commit([event(1, 0)]);
    const kept = { ...bounds, windows: { ...bounds.windows, totalSeconds: 12 * 3600 } };
    await retention.sweep(view, new Date(T0.getTime() + 5 * HOUR), kept);
    expect(await windows.listModel('toy', new Date(0))).toHaveLength(1);
    await retention.sweep(view, new Date(T0.getTime() + 14 * HOUR), kept);
    expect(await windows.listModel('toy', new Date(0))).toEqual([]);
  });

  it('never loses nor doubles anything, in whatever order batches, labels and sweeps come, also at the same time', async () => {
    const step = fc.record({
      kind: fc.constantFrom('events', 'labels', 'served', 'sweep'),
      from: fc.nat(30_000),
      count: fc.integer({ min: 1, max: 8 }),
      beside: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        await reset();
        let n = 0;
        let clock = 0;
        let pending: Promise<unknown> = Promise.resolve();
        const labelled = new Set<number>();
        const counts = new Map<number, number>();
        for (const { kind, from, count, beside } of steps) {
          // A sweep may run beside the next commit: both take the model's lock.
          if (!beside) await pending;
          if (kind === 'sweep') {
            clock += from;
            pending = Promise.all([pending, sweep(at(clock))]);
          } else if (kind === 'events') {
            await commit(Array.from({ length: count }, (_, i) => event((n += 1), from + i * 5)));
          } else if (kind === 'labels' && n > 0) {
            const ids = Array.from({ length: count }, (_, i) => 1 + ((from + i) % n));
            ids.forEach((id) => labelled.add(id));
            await commit(
              [],
              ids.map((id) => label(id, id % 3)),
            );
          } else if (kind === 'served') {
            const one = served(from, count);
            counts.set(one.at.getTime(), Math.max(count, counts.get(one.at.getTime()) ?? 0));
            await commit([], [], [one]);
          }
        }
        await pending;
        const expected = {
          ...{ requests: n, moments: n, predictions: n, latencies: n, labelled: labelled.size, correct: labelled.size },
          served: [...counts.values()].reduce((a, b) => a + b, 0),
        };
        expect(await totals()).toMatchObject(expected);
        await sweep(at(clock + 1e6));
        expect(await totals()).toMatchObject(expected);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);
});
