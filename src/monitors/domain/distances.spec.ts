import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bertScore, type EncodedText, textDistance } from './bert-score.js';
import { seriesDistance, warp } from './dtw.js';
import { distanceSubject, numberDistance, seriesObservation } from './output-distance.js';
import { readVocabulary, tokenize } from './word-piece.js';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(resolve(import.meta.dirname, `../testing/fixtures/${name}.json`), 'utf8'));
const WARPS = fixture('dtw') as {
  cases: { a: number[]; b: number[]; band: number | null; absolute: number; length: number }[];
};
const TEXT = fixture('text') as {
  scores: { answer: number[][]; reference: number[][]; precision: number; recall: number; f1: number }[];
  vocabulary: Record<string, number>;
  texts: { text: string; tokens: number[] }[];
};
const series = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 });

describe('dynamic time warping', () => {
  it.each(
    WARPS.cases.map(({ a, b, band, absolute, length }) => [a.length, b.length, band, absolute, length, a, b] as const),
  )(
    'of %p and %p values with band %p costs %p in %p steps, as dtaidistance has it',
    (_n, _m, band, absolute, length, a, b) => {
      const { cost, steps } = warp(a, b, band);
      expect(cost).toBeCloseTo(absolute, 6);
      expect(steps).toBe(length);
    },
  );

  it('is symmetric, zero for the same, and never above the plain distance', () => {
    fc.assert(
      fc.property(series, series, fc.option(fc.nat(20)), (a, b, band) => {
        expect(warp(a, b, band).cost).toBeCloseTo(warp(b, a, band).cost, 3);
        expect(warp(a, a, band).cost).toBe(0);
        expect(Number.isFinite(warp(a, b, band).cost)).toBe(true);
        const cut = b.slice(0, a.length);
        const plain = a.slice(0, cut.length).reduce((sum, value, i) => sum + Math.abs(value - cut[i]!), 0);
        expect(warp(a.slice(0, cut.length), cut, band).cost).toBeLessThanOrEqual(plain * (1 + 1e-12));
      }),
    );
  });

  it.each([
    ['a series shifted by one place', [0, 0, 1, 5, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 5, 1, 0, 0, 0, 0], 0],
    ['a constant offset', [1, 1, 1], [3, 3, 3], 2],
    ['an empty one and another', [], [1], Infinity],
    ['two empty ones', [], [], 0],
    ['one with no number', [1, Number.NaN], [1, 2], Infinity],
  ])('%s', (_, a, b, distance) => expect(seriesDistance(a, b)).toBe(distance));
});

describe('BERTScore', () => {
  const encoded = (rows: number[][]): EncodedText => {
    const all = rows.map((row) => Float32Array.from(row));
    return { tokens: all.slice(1, -1), special: [all[0]!, all.at(-1)!] };
  };

  it.each(TEXT.scores.map((each) => [each.answer.length, each.reference.length, each] as const))(
    'of %p and %p tokens is what the bert-score package says',
    (_a, _b, { answer, reference, precision, recall, f1 }) => {
      const score = bertScore(encoded(answer), encoded(reference));
      expect(score.precision).toBeCloseTo(precision, 5);
      expect(score.recall).toBeCloseTo(recall, 5);
      expect(score.f1).toBeCloseTo(f1, 5);
    },
  );

  it('knows empty texts and vectors of nothing', () => {
    const empty = { tokens: [], special: [] };
    const some = { tokens: [Float32Array.of(1, 0)], special: [] };
    expect(textDistance(empty, empty)).toBe(0);
    expect(textDistance(empty, some)).toBe(1);
    expect(textDistance({ tokens: [Float32Array.of(0, 0)], special: [] }, some)).toBe(1);
  });

  it('gives a distance within 0..1', () => {
    const vectors = fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        const distance = textDistance(encoded(a), encoded(b));
        expect(distance >= 0 && distance <= 1).toBe(true);
        expect(textDistance(encoded(b), encoded(a))).toBeCloseTo(distance, 9);
      }),
    );
  });
});

describe('WordPiece', () => {
  const vocabulary = new Map(Object.entries(TEXT.vocabulary));
  it.each(TEXT.texts.map(({ text, tokens }) => [text, tokens] as const))(
    'reads %j as the original does',
    (text, tokens) => expect(tokenize(text, vocabulary, 256)).toEqual(tokens),
  );

  it('cuts at the length it is given and never breaks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 2, max: 20 }), (text, most) => {
        const tokens = tokenize(text, vocabulary, most);
        expect(tokens.length).toBeLessThanOrEqual(most);
        expect([tokens[0], tokens.at(-1)]).toEqual([101, 102]);
      }),
    );
  });

  it('reads a vocabulary file and refuses one without its special tokens', () => {
    expect(readVocabulary('[UNK]\r\n[CLS]\n[SEP]\na\n').get('a')).toBe(3);
    expect(() => readVocabulary('a\nb\n')).toThrow('[UNK]');
  });
});

describe('the distance of two answers', () => {
  it.each([
    [{ kind: 'classification', classes: 2 } as const, null],
    [{ kind: 'regression' } as const, null],
    [{ kind: 'series', steps: 3 } as const, null],
    [{ kind: 'text' } as const, 1],
  ])('has its measure for %p', (task, bound) => {
    const subject = distanceSubject(task);
    expect(subject === null).toBe(task.kind === 'classification');
    expect(subject?.bound ?? null).toBe(bound);
  });

  it('of two numbers is their difference, of a text where a series belongs as far as can be', () => {
    expect(numberDistance(3, 5, new Date(7))).toEqual({ value: 2, magnitude: 5, at: 7 });
    expect(seriesObservation('a', [1], new Date(0)).value).toBe(Infinity);
    expect(seriesObservation([1, 2], [1, -3], new Date(0)).magnitude).toBe(2);
  });
});
