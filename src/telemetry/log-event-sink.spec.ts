import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BodyTooLarge, IntakeOverloaded, IntakeUnavailable, TooLargeForLog } from './domain/errors.js';
import { LogEventSink, type SinkLimits, type SinkObserver } from './log-event-sink.js';
import { type OutgoingEvent, type OutgoingRecord, RecordAppender } from './ports.js';

const LIMITS: SinkLimits = {
  ...{ batchEvents: 10, batchBytes: 1_000_000, bufferEvents: 100, bufferBytes: 1_000_000, lingerMs: 0 },
  ...{ eventBytes: 1000, waitMs: 10_000, retryMs: [0, 1] as const },
};
const silent: SinkObserver = {
  ...{ waiting: () => undefined, sent: () => undefined, failed: () => undefined, givenUp: () => undefined },
  refused: () => undefined,
};

class FakeAppender extends RecordAppender {
  readonly batches: string[][] = [];
  readonly attempts: string[][] = [];
  failures = 0;
  gate: Promise<void> = Promise.resolve();
  closed = false;
  /** Most bytes of values that the log takes at once. */
  takes = Number.POSITIVE_INFINITY;

  override async append(records: readonly OutgoingRecord[]): Promise<void> {
    await this.gate;
    const keys = records.map(({ topic, key }) => `${topic}:${key}`);
    this.attempts.push(keys);
    if (this.failures > 0) {
      this.failures -= 1;
      throw new IntakeUnavailable('it is away');
    }
    const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
    if (bytes > this.takes) throw new TooLargeForLog(records.length, bytes);
    this.batches.push(keys);
  }

  override async close(): Promise<void> {
    this.closed = true;
  }

  /** Holds every append back until the answer is called. */
  hold(): () => void {
    let open: () => void = () => undefined;
    this.gate = new Promise((resolve) => (open = resolve));
    return open;
  }
}

function setUp(limits: Partial<SinkLimits> = {}, observer: SinkObserver = silent) {
  const appender = new FakeAppender();
  const topicOf = ({ kind }: OutgoingEvent): string => (kind === 'label' ? 'labels' : 'events');
  return { appender, sink: new LogEventSink(appender, topicOf, { ...LIMITS, ...limits }, observer) };
}
const event = (key: string, fields: Partial<OutgoingEvent> = {}): OutgoingEvent => ({
  ...{ key, value: new Uint8Array(5), format: 'native', headers: {} },
  ...fields,
});
const numbered = (count: number): OutgoingEvent[] => Array.from({ length: count }, (_, n) => event(`${n}`));

describe('LogEventSink', () => {
  it('sends everything once and in order, in batches, each to its topic', async () => {
    const { appender, sink } = setUp();
    await sink.send([...numbered(25), event('truth', { kind: 'label' })]);
    expect(appender.batches.map((batch) => batch.length)).toEqual([10, 10, 6]);
    expect(appender.batches.flat()).toEqual([...Array.from({ length: 25 }, (_, n) => `events:${n}`), 'labels:truth']);
    await sink.stop(100);
  });

  it('resolves only when all of a call’s events are on the log', async () => {
    const { appender, sink } = setUp({ batchEvents: 1 });
    const open = appender.hold();
    let there = false;
    const sent = sink.send(numbered(2)).then(() => (there = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(there).toBe(false);
    open();
    await sent;
    expect(appender.batches).toHaveLength(2);
    await sink.stop(100);
  });

  it('refuses what does not fit, and takes more when there is room again', async () => {
    const { appender, sink } = setUp({ bufferEvents: 3 });
    const open = appender.hold();
    const first = sink.send(numbered(3));
    await expect(sink.send(numbered(1))).rejects.toBeInstanceOf(IntakeOverloaded);
    expect(sink.offer(event('x'))).toBe(false);
    open();
    await first;
    expect(sink.offer(event('y'))).toBe(true);
    await sink.stop(100);
    expect(appender.batches.flat()).toEqual(['events:0', 'events:1', 'events:2', 'events:y']);
  });

  it('refuses what no broker takes', async () => {
    const { sink } = setUp();
    const large = event('x', { value: new Uint8Array(1001) });
    await expect(sink.send([large])).rejects.toBeInstanceOf(BodyTooLarge);
    expect(sink.offer(large)).toBe(false);
    await sink.stop(100);
  });

  it.each([
    ['headers’ values', event('x', { headers: { ce_junk: 'x'.repeat(1000) } })],
    ['headers’ names', event('x', { headers: { ['x'.repeat(1000)]: '' } })],
    ['the key, in bytes', event('ü'.repeat(450))],
  ])('weighs %s like the value', async (_, heavy) => {
    const { appender, sink } = setUp();
    await expect(sink.send([heavy])).rejects.toBeInstanceOf(BodyTooLarge);
    expect(sink.offer(heavy)).toBe(false);
    await sink.stop(100);
    expect(appender.attempts).toEqual([]);
  });

  it('counts headers in the bytes of a batch and of the buffer', async () => {
    const { appender, sink } = setUp({ batchBytes: 1500, bufferBytes: 4000 });
    const heavy = Array.from({ length: 4 }, (_, n) => event(`${n}`, { headers: { ce_junk: 'x'.repeat(500) } }));
    await sink.send(heavy);
    expect(appender.batches.map((batch) => batch.length)).toEqual([2, 2]);
    await expect(sink.send([...heavy, ...heavy])).rejects.toBeInstanceOf(IntakeOverloaded);
    await sink.stop(100);
  });

  it('leaves out only what the log refuses for its size, tells its sender or counts it, and goes on in order', async () => {
    const refused: boolean[] = [];
    const { appender, sink } = setUp({}, { ...silent, refused: (_, isShed) => refused.push(isShed) });
    appender.takes = 100;
    const poison = { value: new Uint8Array(101) };
    sink.offer(event('a'));
    sink.offer(event('lost', poison));
    const one = sink.send([event('b'), event('refused', poison), event('c')]);
    const other = sink.send(numbered(9));
    await expect(one).rejects.toMatchObject({ code: 'too_large', data: { records: 1, bytes: 101 } });
    await other;
    await sink.stop(100);
    const there = ['a', 'b', 'c', ...numbered(9).map(({ key }) => key)];
    expect(appender.batches.flat()).toEqual(there.map((key) => `events:${key}`));
    expect(refused).toEqual([true, false]);
  });

  it('halves a batch that is too large only together, and leaves nothing out', async () => {
    const { appender, sink } = setUp();
    appender.takes = 15;
    await sink.send(numbered(10));
    expect(appender.batches.flat()).toEqual(numbered(10).map(({ key }) => `events:${key}`));
    await sink.stop(100);
  });

  it('tells who waits too long, drops what it has not tried, and forgets nothing that nobody waits for', async () => {
    let givenUp = 0;
    const { appender, sink } = setUp({ waitMs: 5, batchEvents: 2 }, { ...silent, givenUp: (n) => (givenUp += n) });
    const open = appender.hold();
    sink.offer(event('kept'));
    await expect(sink.send(numbered(5))).rejects.toBeInstanceOf(IntakeUnavailable);
    expect(givenUp).toBe(5);
    open();
    await sink.stop(1000);
    // The first batch was on its way already: it may be there, and who sent it was told that it is not certain.
    expect(appender.batches.flat()).toEqual(['events:kept', 'events:0']);
  });

  it('loses and doubles nothing whatever attempts fail', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ count: fc.integer({ min: 1, max: 15 }), fails: fc.nat(3) }), { maxLength: 8 }),
        async (calls) => {
          const { appender, sink } = setUp({ bufferEvents: 1000 });
          const all: string[] = [];
          const sent = calls.map(({ count, fails }, call) => {
            appender.failures += fails;
            const events = Array.from({ length: count }, (_, n) => event(`${call}-${n}`));
            all.push(...events.map(({ key }) => `events:${key}`));
            return sink.send(events);
          });
          await Promise.all(sent);
          expect(appender.batches.flat()).toEqual(all);
          const failed = appender.attempts.length - appender.batches.length;
          expect(failed).toBe(calls.reduce((sum, { fails }) => sum + fails, 0) - appender.failures);
          await sink.stop(100);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('sends what waits when it stops, but not for ever, and then takes nothing more', async () => {
    const { appender, sink } = setUp();
    sink.offer(event('a'));
    await sink.stop(1000);
    expect(appender.batches).toEqual([['events:a']]);
    expect(appender.closed).toBe(true);
    expect(sink.offer(event('b'))).toBe(false);
    await expect(sink.send([event('c')])).rejects.toBeInstanceOf(IntakeUnavailable);

    const away = setUp();
    away.appender.failures = Number.POSITIVE_INFINITY;
    const sent = away.sink.send([event('d')]);
    await Promise.all([expect(sent).rejects.toBeInstanceOf(IntakeUnavailable), away.sink.stop(5)]);
  });
});
