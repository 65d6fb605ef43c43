import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aModel, aRequest } from '../testing/builders.js';
import { BadInferenceRequest } from './errors.js';
import { readRequestId, readRows } from './open-inference.js';

const { input, output } = aModel().spec;
const read = (body: unknown) => readRows(body, input, output, 8);
const ones = new Array<number>(16).fill(1);

describe('readRows', () => {
  it('reads flat and nested data alike', () => {
    const values = Array.from({ length: 32 }, (_, i) => i);
    const lines = [0, 4, 8, 12, 16, 20, 24, 28].map((from) => values.slice(from, from + 4));
    const nested = [[lines.slice(0, 4)], [lines.slice(4)]];
    const expected = { rows: 2, values: Float32Array.from(values) };
    for (const data of [values, nested, [values.slice(0, 16), values.slice(16)]]) {
      expect(read(aRequest([0, 0], { data }))).toEqual(expected);
    }
  });

  it.each<[string, unknown, RegExp]>([
    ['no object', 'hello', /must be an object/],
    ['a list', [], /must be an object/],
    ['no inputs', {}, /"inputs" must be a list/],
    ['two inputs', { inputs: [{}, {}] }, /holds 2/],
    ['an input that is no tensor', { inputs: [3] }, /inputs\[0\] must be an object/],
    ['another name', aRequest([1], { name: 'pixels' }), /called "input", not "pixels"/],
    ['another datatype', aRequest([1], { datatype: 'FP64' }), /is FP32, not "FP64"/],
    ['no shape', aRequest([1], { shape: undefined }), /\[n, 1, 4, 4\], not absent/],
    ['another shape', aRequest([1], { shape: [1, 16] }), /\[n, 1, 4, 4\], not \[1,16\]/],
    ['no rows', aRequest([], { shape: [0, 1, 4, 4] }), /not \[0,1,4,4\]/],
    ['half a row', aRequest([1], { shape: [1.5, 1, 4, 4] }), /not \[1.5/],
    ['too many rows', aRequest(new Array<number>(9).fill(0)), /may hold 8 rows, not 9/],
    ['more rows than memory', aRequest([1], { shape: [1e12, 1, 4, 4] }), /may hold 8 rows/],
    ['too few values', aRequest([1], { data: ones.slice(1) }), /holds 15 values; its shape needs 16/],
    ['too many values', aRequest([1], { data: [...ones, 1] }), /holds 17 values/],
    ['a text', aRequest([1], { data: [...ones.slice(1), '1'] }), /Value 15 of "data" is "1"/],
    ['null', aRequest([1], { data: [null, ...ones.slice(1)] }), /is null, not a number/],
    ['NaN', aRequest([1], { data: [NaN, ...ones.slice(1)] }), /not a finite 32 bit number/],
    ['a value beyond 32 bits', aRequest([1], { data: [1e39, ...ones.slice(1)] }), /not a finite 32 bit number/],
    ['data nested too deep', aRequest([1], { data: [[[[[1]]]]] }), /not a number/],
    ['data that is no list', aRequest([1], { data: 'AAAA' }), /must be a list of numbers/],
    ['another output', { ...aRequest([1]), outputs: [{ name: 'scores' }] }, /output is called "logits", not "scores"/],
  ])('refuses %s', (_, body, message) => {
    expect(() => read(body)).toThrow(BadInferenceRequest);
    expect(() => read(body)).toThrow(message);
  });

  it('answers any JSON with rows or a refusal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (data, shape) => {
        try {
          const { rows, values } = read(aRequest([1], { data, shape }));
          expect(values).toHaveLength(rows * 16);
        } catch (error) {
          expect(error).toBeInstanceOf(BadInferenceRequest);
        }
      }),
    );
  });
});

describe('readRequestId', () => {
  it.each([
    [{ id: 'a' }, 'a'],
    [{ id: null }, null],
    [{}, null],
  ])('of %j is %j', (body, id) => {
    expect(readRequestId(body)).toBe(id);
  });

  it.each([{ id: '' }, { id: 7 }, { id: 'x'.repeat(257) }])('refuses %j', (body) => {
    expect(() => readRequestId(body)).toThrow(BadInferenceRequest);
  });
});
