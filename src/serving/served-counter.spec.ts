import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kernel/testing/index.js';
import { ServedCounter } from './served-counter.js';
import { digestOf, RecordingServedSink } from './testing/index.js';

const version = digestOf('a');
let clock: FakeClock;
let counter: ServedCounter;
let sink: RecordingServedSink;
let start: number;

beforeEach(() => {
  clock = new FakeClock(new Date('2026-01-01T00:00:00Z'));
  counter = new ServedCounter(clock);
  sink = new RecordingServedSink();
  start = clock.now().getTime();
});

const at = (seconds: number): Date => new Date(start + seconds * 1000);

describe('ServedCounter', () => {
  it('counts rows by model, version and window, and tells only what has grown', async () => {
    counter.count('a', version, at(0), 10, 2);
    counter.count('a', version, at(9.999), 10, 1);
    counter.count('a', version, at(10), 10, 1);
    counter.count('b', version, at(10), 10, 5);
    await counter.tell(sink);
    expect(sink.told.map((count) => [count.model, count.at.getTime() - start, count.requests])).toEqual([
      ['a', 0, 3],
      ['a', 10_000, 1],
      ['b', 10_000, 5],
    ]);
    await counter.tell(sink);
    expect(sink.told).toHaveLength(3);
    counter.count('a', version, at(5), 10, 1);
    await counter.tell(sink);
    expect(sink.told.at(-1)).toEqual({ model: 'a', version, at: at(0), seconds: 10, requests: 4 });
  });

  it('tells again what the sink could not take', async () => {
    counter.count('a', version, at(0), 10, 2);
    sink.failure = new Error('full');
    await expect(counter.tell(sink)).rejects.toThrow('full');
    counter.count('a', version, at(1), 10, 1);
    await counter.tell(sink);
    expect(sink.told).toMatchObject([{ requests: 3 }]);
  });

  it('never counts a window from zero again while requests of it may still end', async () => {
    counter.count('a', version, at(0), 10, 2);
    await counter.tell(sink);
    clock.advance(300_000);
    await counter.tell(sink);
    counter.count('a', version, at(2), 10, 1);
    await counter.tell(sink);
    expect(sink.told.at(-1)).toMatchObject({ requests: 3 });
  });

  it('stays bounded when nobody listens', () => {
    for (let i = 0; i < 25_000; i += 1) counter.count('a', version, at(i), 1, 1);
    expect(counter.changed().length).toBeLessThanOrEqual(10_000);
    expect(counter.changed().at(-1)).toMatchObject({ at: at(24_999) });
  });
});
