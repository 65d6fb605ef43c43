import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { textDistance } from '../../domain/bert-score.js';
import { lookupEncoder } from '../../testing/lookup-encoder.js';
import { OnnxEncoder } from './onnx-encoder.js';

const TOKENS = ['[UNK]', '[CLS]', '[SEP]', 'the', 'cat', 'sat', 'dog', '##s', '.'];
/** cat and dog point nearly the same way; everything else in its own direction. */
const EMBEDDINGS = TOKENS.map((token, i) => {
  const row = TOKENS.map((_, j) => (i === j ? 1 : 0));
  return token === 'dog' ? TOKENS.map((_, j) => (j === 4 ? 0.9 : j === 6 ? 0.436 : 0)) : row;
});

describe('an encoder on ONNX Runtime', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'encoder-'));
    await writeFile(join(folder, 'vocab.txt'), `${TOKENS.join('\n')}\n`);
    await writeFile(join(folder, 'encoder.onnx'), lookupEncoder(EMBEDDINGS));
    await writeFile(join(folder, 'other.onnx'), lookupEncoder(EMBEDDINGS, 'pixels'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const open: OnnxEncoder[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  function encoder(model = 'encoder.onnx', tokens = 16): OnnxEncoder {
    const files = { modelPath: join(folder, model), vocabularyPath: join(folder, 'vocab.txt'), tokens };
    const made = new OnnxEncoder(files);
    open.push(made);
    return made;
  }

  it('gives one embedding a token, the special ones apart', async () => {
    const [text, empty] = await encoder().encode(['The cats sat.', '']);
    expect(text?.tokens.map((row) => row.indexOf(1))).toEqual([3, 4, 7, 5, 8]);
    expect(text?.special.map((row) => row.indexOf(1))).toEqual([1, 2]);
    expect(empty?.tokens).toEqual([]);
  });

  it('makes texts comparable', async () => {
    const [a, b, c] = await encoder().encode(['the cat sat.', 'the dog sat.', 'dogs']);
    expect(textDistance(a!, a!)).toBeCloseTo(0, 6);
    expect(textDistance(a!, b!)).toBeCloseTo(0.025, 3);
    expect(textDistance(a!, c!)).toBeGreaterThan(0.5);
  });

  it('cuts what is too long', async () => {
    const [text] = await encoder('encoder.onnx', 8).encode(['cat '.repeat(100)]);
    expect(text?.tokens).toHaveLength(6);
  });

  it.each([
    ['no such file', 'missing.onnx', /encoder failed: .+/],
    ['a model that is no encoder', 'other.onnx', /pixels/],
    ['a file that is no model', 'vocab.txt', /encoder failed/],
  ])('says what is wrong: %s', async (_, model, message) => {
    await expect(encoder(model).encode(['cat'])).rejects.toThrow(message);
  });

  it('can be used again once the file is there', async () => {
    const late = encoder('late.onnx');
    await expect(late.encode(['cat'])).rejects.toThrow();
    await writeFile(join(folder, 'late.onnx'), lookupEncoder(EMBEDDINGS));
    expect(await late.encode(['cat'])).toHaveLength(1);
  });

  it('says how to configure one when there is none', () => {
    const none = new OnnxEncoder({ modelPath: '', vocabularyPath: '', tokens: 16 });
    expect(none.unavailable).toContain('RATCHET_MONITORS_ENCODER_MODEL_PATH');
  });
});
