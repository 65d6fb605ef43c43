import { expect, it } from '@jest/globals';
import { ServerClock } from './server-clock.js';

const header = (ms: number): string => new Date(ms).toUTCString();

it('knows no difference before an answer came, nor from one without a date', () => {
  const clock = new ServerClock();
  clock.hear(undefined, 0);
  clock.hear('yesterday', 0);
  expect(clock.aheadMs).toBe(0);
});

it.each([0, 90_000, -45_500])('finds a difference of %i ms to within the second that headers are cut to', (ahead) => {
  const clock = new ServerClock();
  for (let i = 0; i < 16; i++) {
    const now = 1_700_000_000_000 + i * 137;
    clock.hear(header(now + ahead), now + 3);
  }
  expect(clock.aheadMs).toBeLessThanOrEqual(ahead);
  expect(clock.aheadMs).toBeGreaterThan(ahead - 1_000);
});

it('follows a clock that was set', () => {
  const clock = new ServerClock();
  for (let i = 0; i < 16; i++) clock.hear(header(1_700_000_060_000), 1_700_000_000_000);
  for (let i = 0; i < 16; i++) clock.hear(header(1_700_000_000_000), 1_700_000_000_000);
  expect(clock.aheadMs).toBe(0);
});
