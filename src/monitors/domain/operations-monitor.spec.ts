import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../kernel/index.js';
import { someDigest, someSpec } from '../../models/testing/index.js';
import { aWindow } from '../testing/index.js';
import { NEW_ERRORS_MONITOR, observeErrors, stateErrors, stateLatency } from './operations-monitor.js';

const POLICY = { ...someSpec().monitors, falseAlarmEvery: 100_000, minimumSamples: 200 };
const windows = (...latencies: number[]) =>
  latencies.map((latencyMs, i) => aWindow(someDigest('a'), i * 10, { latencyMs }));

describe('latency', () => {
  it.each([
    ['fast windows', windows(2, 2, 2), 'calm'],
    ['one slow window', windows(2, 30, 2), 'calm'],
    ['two of three slow', windows(2, 30, 30), 'alarm'],
    ['slow long ago', windows(30, 30, 30, 2, 2, 2), 'calm'],
    ['too few windows', windows(30, 30), 'undecided'],
    ['nothing', [], 'undecided'],
  ])('%s: %#', (_, given, state) => expect(stateLatency(given, 10, POLICY).state).toBe(state));

  it('does not alarm because a p95 estimated from few answers is a little above', () => {
    const jittery = [0, 10, 20].map((second) => {
      const random = seededRandom(second + 1);
      const slow = Array.from({ length: 100 }, () => random() < 0.07).filter(Boolean).length;
      return { ...aWindow(someDigest('a'), second, { requests: 100 - slow }), requests: 100 };
    });
    expect(stateLatency(jittery, 10, POLICY).state).toBe('calm');
  });
});

describe('errors', () => {
  const feed = (errors: number, requests: number) =>
    observeErrors(NEW_ERRORS_MONITOR, { requests, errors, newestAt: new Date(0) }, 0.01, POLICY);

  it.each([
    [0, 200, 'calm'],
    [5, 200, 'calm'],
    [30, 200, 'alarm'],
    [10, 100, 'undecided'],
  ])('%p failed of %p: %s', (errors, requests, state) =>
    expect(stateErrors(feed(errors, requests), 0.01, POLICY).state).toBe(state),
  );

  it('keeps its promise on stable streams', () => {
    let looks = 0;
    let alarms = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      let errors = 0;
      for (let i = 0; i < 200; i += 1) if (random() < 0.01) errors += 1;
      looks += 1;
      if (feed(errors, 200).last?.above === true) alarms += 1;
    }
    expect(alarms).toBeLessThanOrEqual(Math.ceil((looks * 200) / POLICY.falseAlarmEvery));
  });
});
