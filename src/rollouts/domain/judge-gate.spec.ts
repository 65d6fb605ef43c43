import { describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import { at } from '../testing/index.js';
import { type GateMeasurement, judgeGate, type Tally } from './judge-gate.js';

const ERRORS: Gate = { kind: 'error-ratio', max: 0.01, minimumSamples: 30 };
const P95: Gate = { kind: 'latency-p95', maxMs: 50, minimumSamples: 30 };
const P99: Gate = { kind: 'latency-p99', maxMs: 50, minimumSamples: 30 };
const AGREEMENT: Gate = { kind: 'agreement', min: 0.95, minimumSamples: 30 };
const ACCURACY: Gate = { kind: 'accuracy', maxLoss: 0.03, minimumSamples: 100 };
const QUERY: Gate = { kind: 'promql', query: 'x', min: 1, max: 5, minimumSamples: 3 };

function verdict(gate: Gate, candidate: Tally, champion: Tally | null = null, newest = 5): Verdict {
  const evidence = [candidate, ...(champion === null ? [] : [champion])].map(({ value, samples }) => ({
    ...{ name: gate.kind, samples, newestAt: at(newest), series: 1, warnings: [], query: 'windows' },
    value: samples === 0 ? null : value,
  }));
  return judgeGate(gate, { evidence, candidate, champion }, at(0)).verdict;
}

describe('judgeGate', () => {
  it.each<[string, Gate, Tally, Tally | null, Verdict]>([
    ['no errors among enough requests', ERRORS, { value: 0, samples: 30 }, null, 'PASS'],
    ['no errors among too few', ERRORS, { value: 0, samples: 29 }, null, 'UNDECIDED'],
    ['nothing but errors, however few', ERRORS, { value: 5, samples: 5 }, null, 'FAIL'],
    ['one error that proves nothing', ERRORS, { value: 1, samples: 40 }, null, 'UNDECIDED'],
    ['one error in a hundred', ERRORS, { value: 1, samples: 100 }, null, 'PASS'],
    ['two errors in a hundred, as chance may have it', ERRORS, { value: 2, samples: 100 }, null, 'UNDECIDED'],
    ['eight errors in a hundred', ERRORS, { value: 8, samples: 100 }, null, 'FAIL'],
    ['no request', ERRORS, { value: 0, samples: 0 }, null, 'BLIND'],
    ['one error where none is allowed', { ...ERRORS, max: 0 }, { value: 1, samples: 1000 }, null, 'FAIL'],
    ['no error where none is allowed', { ...ERRORS, max: 0 }, { value: 0, samples: 30 }, null, 'PASS'],
    ['only errors where all may be', { ...ERRORS, max: 1 }, { value: 30, samples: 30 }, null, 'PASS'],
    ['nothing slow', P95, { value: 0, samples: 30 }, null, 'PASS'],
    ['everything slow', P95, { value: 30, samples: 30 }, null, 'FAIL'],
    ['nothing slow of too few', P95, { value: 0, samples: 29 }, null, 'UNDECIDED'],
    ['one in fifty slow: fine for p95', P95, { value: 4, samples: 200 }, null, 'PASS'],
    ['one in fifty slow: not for p99', P99, { value: 4, samples: 200 }, null, 'UNDECIDED'],
    ['what may be slow is in the way of PASS', P95, { value: 0, atMost: 100, samples: 200 }, null, 'UNDECIDED'],
    ['what may be slow is no proof', P95, { value: 5, atMost: 200, samples: 200 }, null, 'UNDECIDED'],
    ['as good as always agreed', AGREEMENT, { value: 98, samples: 100 }, null, 'PASS'],
    ['hardly ever agreed', AGREEMENT, { value: 20, samples: 40 }, null, 'FAIL'],
    ['equal accuracy', ACCURACY, { value: 95, samples: 100 }, { value: 95, samples: 100 }, 'PASS'],
    ['a loss that chance explains', ACCURACY, { value: 90, samples: 100 }, { value: 95, samples: 100 }, 'PASS'],
    ['a loss that chance does not explain', ACCURACY, { value: 70, samples: 100 }, { value: 95, samples: 100 }, 'FAIL'],
    ['too few labels', ACCURACY, { value: 70, samples: 99 }, { value: 95, samples: 100 }, 'UNDECIDED'],
    ['no labels of the champion', ACCURACY, { value: 95, samples: 100 }, { value: 0, samples: 0 }, 'BLIND'],
    ['a number within its bounds', QUERY, { value: 3, samples: 3 }, null, 'PASS'],
    ['a number below them', QUERY, { value: 0.5, samples: 3 }, null, 'FAIL'],
    ['a number above them', QUERY, { value: 5.1, samples: 3 }, null, 'FAIL'],
    ['a number of too few samples', QUERY, { value: 3, samples: 2 }, null, 'UNDECIDED'],
    ['a number without bounds', { ...QUERY, min: null, max: null }, { value: 3, samples: 3 }, null, 'INVALID'],
  ])('%s', (_, gate, candidate, champion, expected) => {
    expect(verdict(gate, candidate, champion)).toBe(expected);
  });

  const whole = { name: 'x', value: 1, samples: 100, newestAt: at(5), series: 1, warnings: [], query: 'x' };
  it.each<[string, GateMeasurement['evidence']]>([
    ['nothing', []],
    ['what is older than the question', [{ ...whole, newestAt: at(-1) }]],
    ['what has no time', [{ ...whole, newestAt: null }]],
    ['no number', [{ ...whole, value: Number.NaN }]],
    ['no end', [{ ...whole, value: Number.POSITIVE_INFINITY }]],
    ['several series', [{ ...whole, series: 2 }]],
    ['what its source warns of', [{ ...whole, warnings: ['partial'] }]],
    ['one good and one bad part', [whole, { ...whole, value: null }]],
  ])('is blind on %s', (_, evidence) => {
    const perfect = { value: 0, samples: 1_000 };
    for (const gate of [ERRORS, P95, P99, AGREEMENT, ACCURACY, QUERY]) {
      expect(judgeGate(gate, { evidence, candidate: perfect, champion: perfect }, at(0)).verdict).toBe('BLIND');
    }
  });
});
