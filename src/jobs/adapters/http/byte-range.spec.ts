import { describe, expect, it } from '@jest/globals';
import { rangeOf, UnusableRange } from './byte-range.js';

describe('a range header', () => {
  it.each([
    [undefined, null],
    ['bytes=0-', { start: 0, end: 9 }],
    ['bytes=4-', { start: 4, end: 9 }],
    ['bytes=4-4', { start: 4, end: 4 }],
    ['bytes=2-99', { start: 2, end: 9 }],
  ])('%s of ten bytes', (header, expected) => {
    expect(rangeOf(header, 10)).toEqual(expected);
  });

  it.each(['bytes=10-', 'bytes=5-4', 'bytes=-5', 'bytes=0-1,3-4', 'lines=0-', 'bytes=999999999999999999999-'])(
    'refuses %s',
    (header) => {
      expect(() => rangeOf(header, 10)).toThrow(UnusableRange);
    },
  );
});
