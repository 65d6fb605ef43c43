import { describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import { at } from '../testing/index.js';
import { judgeGate } from './judge-gate.js';

const ERRORS: Gate = { kind: 'error-ratio', max: 0.01, minimumSamples: 30 };
const LATENCY: Gate = { kind: 'latency-p95', maxMs: 50, minimumSamples: 30 };
const ACCURACY: Gate = { kind: 'accuracy', maxLoss: 0.03, minimumSamples: 100 };

type Side = { value: number; samples: number };

function verdict(gate: Gate, candidate: Side, champion: Side | null = null, newest = 5): Verdict {
  const evidence = [candidate, ...(champion === null ? [] : [champion])].map(({ value, samples }) => ({
    ...{ name: gate.kind, samples, newestAt: at(newest), series: 1, warnings: [], query: 'windows' },
    value: samples === 0 ? null : value,
  }));
  return judgeGate(gate, { evidence, candidate, champion }, at(0)).verdict;
}

describe('judgeGate', () => {
  it.each<[string, Gate, Side, Side | null, Verdict]>([
    ['no errors among enough requests', ERRORS, { value: 0, samples: 30 }, null, 'PASS'],
    ['no errors among too few', ERRORS, { value: 0, samples: 29 }, null, 'UNDECIDED'],
    ['nothing but errors, however few', ERRORS, { value: 5, samples: 5 }, null, 'FAIL'],
    ['one error that proves nothing', ERRORS, { value: 1, samples: 40 }, null, 'UNDECIDED'],
    ['no request', ERRORS, { value: 0, samples: 0 }, null, 'BLIND'],
    ['a fast p95', LATENCY, { value: 12, samples: 30 }, null, 'PASS'],
    ['a slow p95', LATENCY, { value: 80, samples: 30 }, null, 'FAIL'],
    ['a slow p95 of too few', LATENCY, { value: 80, samples: 29 }, null, 'UNDECIDED'],
    ['equal accuracy', ACCURACY, { value: 95, samples: 100 }, { value: 95, samples: 100 }, 'PASS'],
    ['a loss that chance explains', ACCURACY, { value: 90, samples: 100 }, { value: 95, samples: 100 }, 'PASS'],
    ['a loss that chance does not explain', ACCURACY, { value: 70, samples: 100 }, { value: 95, samples: 100 }, 'FAIL'],
    ['too few labels', ACCURACY, { value: 70, samples: 99 }, { value: 95, samples: 100 }, 'UNDECIDED'],
    ['no labels of the champion', ACCURACY, { value: 95, samples: 100 }, { value: 0, samples: 0 }, 'BLIND'],
  ])('%s', (_, gate, candidate, champion, expected) => {
    expect(verdict(gate, candidate, champion)).toBe(expected);
  });

  it('is blind on evidence that is older than the question', () => {
    expect(verdict(ERRORS, { value: 0, samples: 100 }, null, -1)).toBe('BLIND');
  });

  it('rarely goes back on a good candidate that is looked at often', () => {
    // The share of rollbacks at the limit itself stays within a one-sided 2.5 % a look.
    expect(verdict(ERRORS, { value: 1, samples: 100 }, null)).toBe('PASS');
    expect(verdict(ERRORS, { value: 2, samples: 100 }, null)).toBe('UNDECIDED');
  });
});
