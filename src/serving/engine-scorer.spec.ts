import { beforeEach, expect, it } from '@jest/globals';
import { EngineOverloaded, ScoringFailed } from './domain/errors.js';
import { EngineScorer } from './engine-scorer.js';
import { aModel, digestOf, FakeEngine, FakeServedModels } from './testing/index.js';

const version = digestOf('version');
let engine: FakeEngine;
let scorer: EngineScorer;

beforeEach(() => {
  engine = new FakeEngine();
  scorer = new EngineScorer(new FakeServedModels(aModel()), engine);
});

it('scores any number of rows, a few at a time and in order', async () => {
  const inputs = Float32Array.from({ length: 70 * 16 }, (_, i) => Math.floor(i / 16));
  const scored = await scorer.score('digits', version, inputs, 70);
  expect(scored).toHaveLength(70);
  expect(scored[69]?.prediction).toBe(1);
  expect(engine.asked.map(({ rows, values }) => [rows, values[0]])).toEqual([
    [32, 0],
    [32, 32],
    [6, 64],
  ]);
});

it('scores nothing at once', async () => {
  expect(await scorer.score('digits', version, new Float32Array(), 0)).toEqual([]);
});

it.each<[string, () => Promise<unknown>, RegExp]>([
  ['an unknown model', () => scorer.score('letters', version, new Float32Array(16), 1), /no model "letters"/],
  [
    'inputs of another size',
    () => scorer.score('digits', version, new Float32Array(15), 1),
    /15 values are not 1 rows of 16/,
  ],
])('refuses %s', async (_, attempt, message) => {
  await expect(attempt()).rejects.toThrow(ScoringFailed);
  await expect(attempt()).rejects.toThrow(message);
});

it('says whether trying again may help', async () => {
  engine.failure = new EngineOverloaded(1);
  await expect(scorer.score('digits', version, new Float32Array(16), 1)).rejects.toMatchObject({ retryable: true });
  engine.failure = new Error('broken');
  await expect(scorer.score('digits', version, new Float32Array(16), 1)).rejects.toMatchObject({ retryable: false });
});
