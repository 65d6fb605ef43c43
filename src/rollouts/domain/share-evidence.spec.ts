import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import { at } from '../testing/index.js';
import { judgeGate } from './judge-gate.js';
import { cleanShare, logExcess, logShortfall } from './share-evidence.js';

const gate: Gate = { kind: 'error-ratio', max: 0.05, minimumSamples: 100 };

/** Share of streams of which the gate ever says it, looked at after every `each` requests. */
function everSays(verdict: 'FAIL' | 'PASS', rate: number, looks: number, each: number, streams = 300): number {
  const random = seededRandom(11);
  let said = 0;
  for (let stream = 0; stream < streams; stream += 1) {
    let [errors, total] = [0, 0];
    for (let look = 0; look < looks; look += 1) {
      for (let n = 0; n < each; n += 1) errors += random() < rate ? 1 : 0;
      total += each;
      const evidence = { name: 'error_ratio', value: errors / total, samples: total, newestAt: at(1) };
      const measured = { candidate: { value: errors, samples: total }, champion: null };
      const whole = [{ ...evidence, series: 1, warnings: [], query: '' }];
      if (judgeGate(gate, { ...measured, evidence: whole }, at(0)).verdict !== verdict) continue;
      said += 1;
      break;
    }
  }
  return said / streams;
}

describe('an error ratio that is looked at again and again', () => {
  it.each([
    ['3 % where 5 % are allowed, 12 looks of 50 requests', 0.03, 12, 50],
    ['the same, 60 looks', 0.03, 60, 50],
    ['4.5 %, 12 looks of 50 requests', 0.045, 12, 50],
    ['5 %, the limit itself, 60 looks', 0.05, 60, 50],
    ['5 %, a look after each of 200 requests', 0.05, 200, 1],
  ])('says FAIL in at most one of a hundred streams of a healthy version: %s', (_, rate, looks, each) => {
    expect(everSays('FAIL', rate, looks, each)).toBeLessThanOrEqual(0.01);
  });

  it('finds a version that is beyond the limit', () => {
    expect(everSays('FAIL', 0.1, 12, 100)).toBeGreaterThan(0.9);
    expect(everSays('FAIL', 0.5, 1, 50)).toBe(1);
  });

  it('proves a hard failure within a handful of requests', () => {
    const requestsToFail = (limit: number): number => {
      for (let n = 1; ; n += 1) if (logExcess(n, n, limit) >= Math.log(100)) return n;
    };
    expect([0.001, 0.01, 0.05, 0.2, 0.5].map(requestsToFail)).toEqual([1, 2, 2, 4, 8]);
  });

  it('lets a healthy version pass', () => {
    expect(everSays('PASS', 0.01, 12, 50)).toBeGreaterThan(0.99);
  });

  it('seldom lets one pass that is as bad as the minimum of samples can tell', () => {
    const tolerated = Math.max(0.05, cleanShare(100, 0.05));
    expect(everSays('PASS', tolerated, 60, 50)).toBeLessThanOrEqual(0.05);
  });
});

describe('evidence about a share', () => {
  const log20 = Math.log(20);
  it('is none before anything was seen', () => {
    for (const claimed of [0.01, 0.5]) {
      expect(logExcess(0, 0, claimed)).toBeCloseTo(0, 12);
      expect(logShortfall(0, 0, claimed)).toBeCloseTo(0, 12);
    }
    expect(cleanShare(0, 0.05)).toBe(1);
  });

  it('never grows in expectation when the claim is true', () => {
    for (const claimed of [0.001, 0.05, 0.5, 0.95]) {
      for (const [events, total] of [
        [0, 0],
        [3, 40],
        [40, 50],
        [0, 500],
      ] as const) {
        /** Expected factor of one more answer that is an event with probability p. */
        const factor = (log: typeof logExcess, p: number): number => {
          const now = log(events, total, claimed);
          const grown = (more: number): number => Math.exp(log(events + more, total + 1, claimed) - now);
          return p * grown(1) + (1 - p) * grown(0);
        };
        for (const share of [0.2, 0.7, 1]) {
          expect(factor(logExcess, claimed * share)).toBeLessThanOrEqual(1 + 1e-9);
          expect(factor(logShortfall, claimed + (1 - claimed) * (1 - share))).toBeLessThanOrEqual(1 + 1e-9);
        }
      }
    }
  });

  it('refutes what a clean sample of that size refutes, and is close to what it would take without looking often', () => {
    for (const total of [5, 30, 300]) {
      const share = cleanShare(total, 0.05);
      expect(logShortfall(0, total, share)).toBeGreaterThanOrEqual(log20);
      expect(share).toBeLessThan(1.4 * (1 - 0.05 ** (1 / total)));
    }
  });
});
