import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../kernel/testing/index.js';
import { LastKnown } from './last-known.js';

const TRUST = { believedMs: 600_000, patienceMs: 10, pauseMs: 1_000 };

describe('what a store said last', () => {
  let clock: FakeClock;
  let known: LastKnown<string | null>;
  let asked: number;
  const says = (value: string | null) => () => ((asked += 1), Promise.resolve(value));
  const away = () => ((asked += 1), Promise.reject(new Error('connection refused')));
  const hangs = () => ((asked += 1), new Promise<never>(() => undefined));

  beforeEach(() => {
    clock = new FakeClock();
    known = new LastKnown(clock, TRUST, (value) => value !== null);
    asked = 0;
  });

  it('is asked every time while it answers', async () => {
    expect(await known.ask('a', says('one'))).toBe('one');
    expect(await known.ask('a', says('two'))).toBe('two');
  });

  it.each([
    ['fails', away],
    ['hangs', hangs],
  ])('stands in while the store %s, for a bounded time', async (_, broken) => {
    await known.ask('a', says('one'));
    clock.advance(TRUST.believedMs);
    expect(await known.ask('a', broken)).toBe('one');
    clock.advance(1);
    await expect(known.ask('a', away)).rejects.toThrow('connection refused');
  });

  it('does not ask a store that has just failed, and asks it again a second later', async () => {
    await known.ask('a', says('one'));
    await known.ask('a', away);
    expect(await known.ask('a', says('two'))).toBe('one');
    expect(asked).toBe(2);
    clock.advance(TRUST.pauseMs);
    expect(await known.ask('a', says('two'))).toBe('two');
  });

  it('keeps nothing that is not worth it, and forgets what is not any more', async () => {
    await known.ask('a', says('one'));
    await known.ask('a', says(null));
    await expect(known.ask('a', away)).rejects.toThrow('connection refused');
    await expect(known.ask('b', away)).rejects.toThrow('connection refused');
  });
});
