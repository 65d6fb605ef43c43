import { expect, it } from '@jest/globals';
import { ServerClock } from './server-clock.js';

const T = 1_700_000_000_000;
/** As HTTP writes it: whole seconds. */
const header = (ms: number): string => new Date(ms).toUTCString();

it('knows no difference before an answer came, nor from one without a date', () => {
  const clock = new ServerClock();
  clock.hear(undefined, 0, 0);
  clock.hear('yesterday', 0, 0);
  expect(clock.aheadMs).toEqual({ least: 0, most: 0 });
});

it.each([0, 90_000, -45_500])('bounds a difference of %i ms from both sides, narrower with each answer', (ahead) => {
  const clock = new ServerClock();
  let width = Infinity;
  for (let i = 0; i < 16; i++) {
    const asked = T + i * 137;
    clock.hear(header(asked + 2 + ahead), asked, asked + 5);
    const { least, most } = clock.aheadMs;
    expect(least).toBeLessThanOrEqual(ahead);
    expect(most).toBeGreaterThanOrEqual(ahead);
    expect(most - least).toBeLessThanOrEqual(width);
    width = most - least;
  }
  expect(width).toBeLessThan(200);
});

it('follows a clock that was set, and never says that at least is more than at most', () => {
  const clock = new ServerClock();
  for (let i = 0; i < 16; i++) clock.hear(header(T + 60_000), T, T);
  for (let i = 0; i < 16; i++) {
    clock.hear(header(T), T, T);
    expect(clock.aheadMs.most).toBeGreaterThanOrEqual(clock.aheadMs.least);
  }
  expect(clock.aheadMs).toEqual({ least: 0, most: 1_000 });
});
