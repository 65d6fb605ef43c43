import { describe, expect, it } from '@jest/globals';
import type { Digest } from '../../../kernel/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { LatencySketch, LatencySketches, mergeLatencies, type Window, WindowStore } from '../../../telemetry/index.js';
import { at, CANDIDATE, CHAMPION } from '../../testing/index.js';
import { WindowGateMeter } from './window-gate-meter.js';

class FakeWindows extends WindowStore {
  readonly windows: Window[] = [];
  override async list(_model: string, version: Digest, since: Date) {
    return this.windows.filter((window) => window.version === version && window.start >= since);
  }
  override async listModel() {
    return this.windows;
  }
}

/** The quantile of a merged sketch is the largest byte of the fakes' sketches. */
class FakeSketches extends LatencySketches {
  override merge(windows: readonly Window[]) {
    const count = windows.reduce((sum, window) => sum + window.requests, 0);
    const slowest = Math.max(...windows.map((window) => window.latency[0] ?? 0));
    return { count, quantile: () => (count === 0 ? null : slowest) } as ReturnType<LatencySketches['merge']>;
  }
}

const aWindow = (version: Digest, second: number, over: Partial<Window> = {}): Window => ({
  ...{ model: 'digits', version, start: at(second), seconds: 2, requests: 50, errors: 0 },
  ...{ latency: new Uint8Array([20]), features: {}, predictions: {}, confidence: [], labelled: 60, correct: 57 },
  ...{ moments: {}, compared: 0, agreed: 0, served: null },
  newestAt: at(second + 1),
  ...over,
});

const VERSIONS = { champion: CHAMPION, candidate: CANDIDATE };

function meterOver(...windows: Window[]) {
  const store = new FakeWindows();
  store.windows.push(...windows);
  return new WindowGateMeter(store, new FakeSketches(), new FakeClock(at(100)));
}

describe('WindowGateMeter', () => {
  it('counts only windows that start after the step was in force', async () => {
    const meter = meterOver(aWindow(CANDIDATE, 0, { errors: 50 }), aWindow(CANDIDATE, 10), aWindow(CANDIDATE, 12));
    const reading = await meter.read('digits', { kind: 'error-ratio', max: 0.01, minimumSamples: 30 }, VERSIONS, at(5));
    expect(reading).toMatchObject({
      verdict: 'PASS',
      evidence: [{ value: 0, samples: 100, newestAt: at(13), series: 1 }],
    });
  });

  it.each([
    { kind: 'error-ratio', max: 0.01, minimumSamples: 30 },
    { kind: 'latency-p95', maxMs: 50, minimumSamples: 30 },
    { kind: 'accuracy', maxLoss: 0.03, minimumSamples: 30 },
  ] as const)('is blind without windows: $kind', async (gate) => {
    expect((await meterOver().read('digits', gate, VERSIONS, at(5))).verdict).toBe('BLIND');
  });

  it('reads the p95 of the merged sketches', async () => {
    const gate = { kind: 'latency-p95', maxMs: 50, minimumSamples: 30 } as const;
    const slow = aWindow(CANDIDATE, 8, { latency: new Uint8Array([90]) });
    expect((await meterOver(aWindow(CANDIDATE, 6)).read('digits', gate, VERSIONS, at(5))).verdict).toBe('PASS');
    expect((await meterOver(aWindow(CANDIDATE, 6), slow).read('digits', gate, VERSIONS, at(5))).verdict).toBe('FAIL');
  });

  it('counts what is slower than the ceiling, as closely as a sketch can', async () => {
    const sketch = new LatencySketch();
    for (let ms = 1; ms <= 200; ms += 1) sketch.add(ms);
    const window = aWindow(CANDIDATE, 6, { latency: sketch.toBytes(), requests: 200 });
    const store = new FakeWindows();
    store.windows.push(window);
    const merge = { merge: (windows: readonly Window[]) => mergeLatencies(windows) };
    const meter = new WindowGateMeter(store, merge, new FakeClock(at(100)));
    const read = (maxMs: number) =>
      meter.read('digits', { kind: 'latency-p95', maxMs, minimumSamples: 30 }, VERSIONS, at(5));
    expect(await read(196)).toMatchObject({
      verdict: 'PASS',
      reason: expect.stringMatching(/^p95 19\d\.\d ms; [234] to [5678] answers above 196 ms in 200/),
    });
    expect(await read(150)).toMatchObject({ verdict: 'FAIL', evidence: [{ samples: 200 }] });
    expect(await read(300)).toMatchObject({ reason: expect.stringContaining('0 answers above 300 ms in 200') });
  });

  it('compares the labelled answers of both sides, and is blind when the champion has none', async () => {
    const gate = { kind: 'accuracy', maxLoss: 0.03, minimumSamples: 30 } as const;
    const both = await meterOver(aWindow(CANDIDATE, 6), aWindow(CHAMPION, 6)).read('digits', gate, VERSIONS, at(5));
    expect(both).toMatchObject({ verdict: 'PASS', evidence: [{ samples: 60 }, { samples: 60 }] });
    const worse = meterOver(aWindow(CANDIDATE, 6, { correct: 30 }), aWindow(CHAMPION, 6));
    expect((await worse.read('digits', gate, VERSIONS, at(5))).verdict).toBe('FAIL');
    expect((await meterOver(aWindow(CANDIDATE, 6)).read('digits', gate, VERSIONS, at(5))).verdict).toBe('BLIND');
  });
});
