import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { Listening } from './listening.js';

describe('listening', () => {
  it('begins with the process, and again when the database is back', async () => {
    const clock = new FakeClock();
    const started = clock.now();
    const listening = new Listening(clock);
    clock.advance(60_000);
    await listening.through(async () => 1);
    expect(listening.since).toEqual(started);

    await expect(listening.through(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    clock.advance(60_000);
    expect(listening.since).toEqual(started);
    expect(await listening.through(async () => 2)).toBe(2);
    expect(listening.since).toEqual(clock.now());
  });
});
