import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { aModel, admitted, anEvent, T0 } from '../testing/index.js';
import { type ModelView, viewOf } from './admit.js';
import { quantileEdges } from './feature-profile.js';
import { ModelShape } from './model-shape.js';
import { settleWaiting } from './settle-waiting.js';
import { Tally } from './tally.js';
import type { Window } from './window.js';
import {
  decodeState,
  encodeState,
  mergeStates,
  partsOf,
  stateOf,
  stateOfAccumulator,
  type WindowState,
} from './window-state.js';

const FEATURES = Array.from({ length: 16 }, (_, i) => `feature${String(i).padStart(2, '0')}`);
const EDGES = quantileEdges(Array.from({ length: 300 }, (_, i) => i / 300));

function viewWith(classes: number, features = FEATURES): ModelView {
  return { ...viewOf(aModel('toy', { features })), classes };
}

function tallyOf(view: ModelView, count: number, seed = 1, classes = view.classes ?? 3): Tally {
  const shape = new ModelShape(view);
  for (const name of view.features) shape.fix(name, EDGES);
  const random = seededRandom(seed);
  const tally = new Tally();
  for (let n = 0; n < count; n += 1) {
    const features = Object.fromEntries(view.features.map((name) => [name, random()]));
    const event = {
      features,
      prediction: Math.floor(random() * classes),
      confidence: random(),
      latencyMs: 1 + 30 * random(),
    };
    tally.add(admitted(anEvent(0, event), T0, view), shape);
  }
  return tally;
}

function stateIn(tally: Tally): WindowState {
  const window = [...(tally.models.get('toy')?.windows.values() ?? [])][0];
  if (window === undefined) throw new TypeError('nothing was counted');
  return stateOfAccumulator(window);
}

const edgesOf = (): readonly number[] => EDGES;

describe('the stored state of a window', () => {
  it('comes back as it was, and is the same for windows and for their accumulators', () => {
    const tally = tallyOf(viewWith(10), 2_000);
    const state = stateIn(tally);
    expect(decodeState(encodeState(state))).toEqual(state);
    const window = [...(tally.models.get('toy')?.windows.values() ?? [])][0]?.toWindow() as Window;
    expect(partsOf(state, edgesOf)).toEqual(partsOf(stateOf(window), edgesOf));
    expect(partsOf(state, edgesOf).features).toEqual(window.features);
  });

  it('can be added in any order, also after it was stored', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 3, maxLength: 3 }), (sizes) => {
        const [a, b, c] = sizes.map((size, i) => stateIn(tallyOf(viewWith(10), size, i + 1))) as [
          WindowState,
          WindowState,
          WindowState,
        ];
        const stored = (state: WindowState): WindowState => decodeState(encodeState(state));
        const left = mergeStates(stored(mergeStates(a, b)), c);
        const right = mergeStates(stored(mergeStates(c, a)), stored(b));
        expect(rounded(left)).toEqual(rounded(right));
      }),
      { numRuns: 40 },
    );
  });

  it('does not mix counts over other bins, and leaves out those that no profile explains', () => {
    const state = stateIn(tallyOf(viewWith(3), 50));
    expect(partsOf(state, () => [1, 2, 3]).features).toEqual({});
    expect(Object.keys(partsOf(state, () => null).moments)).toHaveLength(FEATURES.length);
  });

  it('refuses bytes that are no state', () => {
    const bytes = encodeState(stateIn(tallyOf(viewWith(3), 50)));
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeState(bytes.subarray(0, length))).toThrow(RangeError);
    }
    expect(() => decodeState(Uint8Array.of(9))).toThrow('format 9');
  });

  it('has the size that the README states, and stays within it however much is counted', () => {
    const bytes = (count: number, features: readonly string[], classes = 3): number =>
      encodeState(stateIn(tallyOf(viewWith(classes, [...features]), count))).length;
    const many = 60_000;
    const perFeature = (bytes(many, FEATURES) - bytes(many, FEATURES.slice(0, 8))) / 8;
    const perVersion = bytes(many, FEATURES) - 16 * perFeature;
    const perClass = (bytes(many, ['a'], 256) - bytes(many, ['a'], 56)) / 200;
    const readme = readFileSync(resolve(import.meta.dirname, '../README.md'), 'utf8');
    const stated = /(\d+) bytes a version, (\d+) bytes a feature and (\d+) bytes a class/
      .exec(readme)
      ?.slice(1)
      .map(Number);
    expect(stated?.map((limit, i) => [perVersion, perFeature, perClass][i] ?? 0)).toHaveLength(3);
    [perVersion, perFeature, perClass].forEach((measured, i) => {
      expect(measured).toBeLessThanOrEqual(stated?.[i] ?? 0);
      expect(measured).toBeGreaterThan((stated?.[i] ?? 0) / 3);
    });
  });

  it('counts at most 256 names of predictions of a model with 100,000 classes, and every one of them', () => {
    const view = viewWith(100_000, []);
    const count = 5_000;
    const tally = tallyOf(view, count, 3, 100_000);
    const [settled] = settleWaiting(tally, new Map());
    expect(settled?.feature).toBe('$class');
    expect(settled?.profile.edges?.length).toBeLessThanOrEqual(192);
    const { predictions } = partsOf(stateIn(tally), edgesOf);
    expect(Object.keys(predictions).length).toBeLessThanOrEqual(256);
    expect(Object.values(predictions).reduce((a, b) => a + b, 0)).toBe(count);
    expect(Object.keys(predictions).some((name) => name.startsWith('other:'))).toBe(true);
  });

  it('gives moments that a second pass over the values gives, far from zero too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 60 }),
        fc.constantFrom(0, 1e3, 1e6, -1e9),
        (noise, offset) => {
          const view = viewWith(3, ['a']);
          const shape = new ModelShape(view);
          const tally = new Tally();
          const values = noise.map((value) => value + offset);
          for (const a of values) tally.add(admitted(anEvent(0, { features: { a } }), T0, view), shape);
          const moments = partsOf(stateIn(tally), edgesOf).moments['a'];
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          const m2 = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
          expect(moments?.count).toBe(values.length);
          expect(Math.abs((moments?.mean ?? 0) - mean)).toBeLessThanOrEqual(1e-12 * (1 + Math.abs(offset)));
          expect(Math.abs((moments?.m2 ?? 0) - m2)).toBeLessThanOrEqual(1e-9 * (1 + m2) + 1e-12 * Math.abs(offset));
          expect([moments?.min, moments?.max]).toEqual([Math.min(...values), Math.max(...values)]);
        },
      ),
    );
  });

  it('stays finite with the largest numbers there are', () => {
    const view = viewWith(3, ['a']);
    const shape = new ModelShape(view);
    const tally = new Tally();
    for (const a of [Number.MAX_VALUE, -Number.MAX_VALUE, 1e200]) {
      tally.add(admitted(anEvent(0, { features: { a } }), T0, view), shape);
    }
    const moments = partsOf(stateIn(tally), edgesOf).moments['a'];
    expect(Object.values(moments ?? {}).every(Number.isFinite)).toBe(true);
  });
});

function rounded(state: WindowState): unknown {
  const sorted = [...state.features].sort(([a], [b]) => (a < b ? -1 : 1));
  const features = sorted.map(([name, { moments, ...rest }]) => [
    name,
    rest,
    moments === null ? null : [moments.count, moments.mean.toFixed(9), moments.m2.toFixed(9), moments.min, moments.max],
  ]);
  const predictions = [...state.predictions].sort(([a], [b]) => a - b);
  return { ...state, predictions, features };
}
