import { describe, expect, it } from '@jest/globals';
import { durationMs, parsePromql } from './promql.js';

describe('parsePromql', () => {
  it.each(['', 'sum(', 'x{a="b}', 'x[5m] x', 'foo(x)', 'rate(x[5m)', 'x{a=~}', '1 +', 'x } y', '{{model}}'])(
    'says where %j breaks the grammar',
    (text) => {
      expect(parsePromql(text).faults).not.toEqual([]);
    },
  );

  it('names what a query reads and how far back', () => {
    const query = parsePromql(
      'sum(rate(a{x="1"}[5m] offset 1h)) / on(x) max_over_time(sum(b)[30m:1m]) + c or vector(0)',
    );
    expect(query.faults).toEqual([]);
    expect(query.selectors.map(({ text, reachMs }) => [text, reachMs / 60_000])).toEqual([
      ['a{x="1"}', 65],
      ['b', 30],
      ['c', 0],
    ]);
    expect(query.functions).toEqual(['rate', 'max_over_time', 'vector']);
    expect(query.aggregations).toEqual(['sum', 'sum']);
    expect(query.subqueries).toEqual([{ points: 30, depth: 0 }]);
    expect(query.ranges.map(({ text, of }) => [text, of])).toEqual([
      ['5m', 'selector'],
      ['30m', 'subquery'],
    ]);
  });

  it.each([
    ['x @ 12', ['@']],
    ['rate(x[5m] offset -5m)', ['the duration -5m']],
    ['rate(x[5m+3m])', ['the duration 5m+3m']],
    ['rate(x[5m])', []],
  ])('points at what is unusual in %j', (text, unusual) => {
    expect(parsePromql(text).unusual).toEqual(unusual);
  });

  it('knows which strings are values of label matchers', () => {
    const { strings } = parsePromql('label_replace(x{a="1",b!~"2"}, "c", "$1", "a", "(.*)")');
    expect(strings.map(({ text, matcher }) => [text, matcher])).toEqual([
      ['"1"', '='],
      ['"2"', '!~'],
      ['"c"', null],
      ['"$1"', null],
      ['"a"', null],
      ['"(.*)"', null],
    ]);
  });

  it('gives queries the same shape when only values of labels and ranges differ', () => {
    const shape = (text: string) => parsePromql(text).shape;
    expect(shape('rate(x{a="1"}[5m])')).toEqual(shape('rate(x{a="22"}[1h])'));
    expect(shape('rate(x{a="1"}[5m])')).not.toEqual(shape('rate(x{b="1"}[5m])'));
    expect(shape('x > 1')).not.toEqual(shape('x > 2'));
  });
});

describe('durationMs', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['90', 90_000],
    ['1d', 86_400_000],
    ['-5m', null],
    ['5m+1m', null],
    ['', null],
  ])('of %j is %j', (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });
});
