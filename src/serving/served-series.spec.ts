import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Digest } from '../kernel/index.js';
import { registry } from '../platform/observability/index.js';
import { LATENCY_BOUNDS, versionLabel } from './domain/gate-series.js';
import { answersTotal } from './metrics.js';
import { ServedSeries } from './served-series.js';
import { aRoute } from './testing/index.js';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const [A, B] = [digest('a'), digest('b')];
const MINUTE = 60_000;

async function lines(version: Digest): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.includes(`version="${versionLabel(version)}"`));
}

describe('ServedSeries', () => {
  beforeEach(() => registry.resetMetrics());

  it('begins a named version with zeros, so that its first failure is growth', async () => {
    new ServedSeries().begin(aRoute({ stable: A, candidate: B }));
    const seen = await lines(B);
    expect(seen.filter((line) => line.startsWith('ratchet_serving_answers_total'))).toHaveLength(4);
    // Each bound, +Inf, the sum and the count.
    const latency = seen.filter((line) => line.startsWith('ratchet_serving_request_seconds'));
    expect(latency).toHaveLength(LATENCY_BOUNDS.length + 3);
    expect(seen.every((line) => line.endsWith(' 0'))).toBe(true);
  });

  it('does not set back what was counted', async () => {
    const series = new ServedSeries();
    series.begin(aRoute({ stable: A, candidate: null }));
    answersTotal.inc({ model: aRoute().model, arm: 'stable', version: versionLabel(A), outcome: 'ok' }, 3);
    series.keep([aRoute({ stable: A, candidate: null })], 0);
    expect((await lines(A)).filter((line) => line.endsWith(' 3'))).toHaveLength(1);
  });

  it('ends a version some time after no route names it, and not when it came back meanwhile', async () => {
    const series = new ServedSeries();
    const [withB, withoutB] = [aRoute({ stable: A, candidate: B }), aRoute({ stable: A, candidate: null })];
    series.keep([withB], 0);
    series.keep([withoutB], MINUTE);
    series.keep([withB], 10 * MINUTE);
    series.keep([withoutB], 20 * MINUTE);
    series.keep([withoutB], 34 * MINUTE);
    expect(await lines(B)).not.toEqual([]);
    series.keep([withoutB], 35 * MINUTE);
    expect(await lines(B)).toEqual([]);
    expect(await lines(A)).not.toEqual([]);
  });
});

describe('the latency bounds', () => {
  it('rise, and are close enough that a ceiling between two of them is off by at most a half', () => {
    for (const [at, bound] of LATENCY_BOUNDS.slice(1).entries()) {
      const ratio = bound / (LATENCY_BOUNDS[at] ?? 0);
      expect(ratio).toBeGreaterThan(1);
      expect(ratio).toBeLessThanOrEqual(1.5);
    }
  });
});
