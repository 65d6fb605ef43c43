import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import type { ServedEvent } from '../../domain/event.js';
import { spreadServed } from '../../domain/spread-served.js';
import { telemetryPersistence } from '../../persistence.js';
import { digestOf, T0, VIEW } from '../../testing/index.js';
import { PostgresWindowStore } from './postgres-window-store.js';
import { storeServed } from './store-served.js';

const A = digestOf('a');
let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
}, 60_000);
afterAll(() => test.close());
beforeEach(() => test.db.query('TRUNCATE telemetry."window", telemetry.served'));

const at = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
const said = (start: number, requests: number, fields: Partial<ServedEvent> = {}): ServedEvent => ({
  ...{ kind: 'served', model: 'toy', version: A, at: at(start), seconds: 10, requests, source: 's1' },
  ...fields,
});
const store = (events: readonly ServedEvent[]): Promise<number> =>
  test.db.run('test.work', () => storeServed(test.db, VIEW, events));
const served = async (): Promise<Record<number, number | null>> =>
  Object.fromEntries(
    (await new PostgresWindowStore(test.db).listModel('toy', new Date(0))).map((window) => [
      (window.start.getTime() - T0.getTime()) / 1000,
      window.served,
    ]),
  );

describe('what data planes say they served', () => {
  it('adds up over sources; of repeated counts the largest stays', async () => {
    expect(await store([said(0, 5), said(0, 3, { source: 's2' })])).toBe(2);
    expect(await store([said(0, 4), said(0, 7)])).toBe(1);
    expect(await store([said(0, 7)])).toBe(0);
    expect(await store([said(10, 1)])).toBe(1);
    expect(await served()).toEqual({ 0: 10, 10: 1 });
  });

  it('makes a window that nothing was logged of, so that a total loss is seen', async () => {
    await store([said(0, 5)]);
    const [window] = await new PostgresWindowStore(test.db).list('toy', A, new Date(0));
    expect(window).toMatchObject({ requests: 0, served: 5, newestAt: at(0), start: at(0), seconds: 10 });
  });

  it('spreads a longer count over its windows, and takes the earlier spread back when it grows', async () => {
    await store([said(5, 30, { seconds: 30 })]);
    expect(await served()).toEqual({ 0: 5, 10: 10, 20: 10, 30: 5 });
    await store([said(5, 31, { seconds: 30 })]);
    expect(Object.values(await served()).reduce((sum: number, count) => sum + (count ?? 0), 0)).toBe(31);
  });

  it('is the same whatever the order and the grouping of the counts', async () => {
    const events = fc.array(
      fc.record({
        start: fc.integer({ min: 0, max: 60 }),
        requests: fc.nat(50),
        seconds: fc.constantFrom(1, 10, 25),
        source: fc.constantFrom('s1', 's2'),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(events, fc.nat(12), async (drawn, cut) => {
        await test.db.query('TRUNCATE telemetry."window", telemetry.served');
        const all = drawn.map(({ start, ...fields }) => said(start, fields.requests, fields));
        await store(all.slice(0, cut));
        await store(all.slice(cut));
        const largest = new Map<string, number>();
        for (const { at: time, source, requests } of all) {
          const key = `${time.getTime()} ${source}`;
          largest.set(key, Math.max(largest.get(key) ?? 0, requests));
        }
        const sum = [...largest.values()].reduce((a, b) => a + b, 0);
        expect(Object.values(await served()).reduce((a: number, b) => a + (b ?? 0), 0)).toBe(sum);
      }),
      { numRuns: 40 },
    );
  });
});

describe('spreadServed', () => {
  it('gives every request to exactly one window, none of them outside of the interval', () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.integer({ min: 1, max: 600 }),
        fc.nat(1e6),
        fc.integer({ min: 1, max: 90 }),
        (from, seconds, requests, size) => {
          const parts = spreadServed({ version: A, at: new Date(from * 100), seconds, requests }, size);
          expect([...parts.values()].reduce((a, b) => a + b, 0)).toBe(requests);
          for (const [start, part] of parts) {
            expect(part).toBeGreaterThanOrEqual(0);
            expect(start % (size * 1000)).toBe(0);
            expect(start + size * 1000).toBeGreaterThan(from * 100);
            expect(start).toBeLessThan(from * 100 + seconds * 1000);
          }
        },
      ),
    );
  });
});
