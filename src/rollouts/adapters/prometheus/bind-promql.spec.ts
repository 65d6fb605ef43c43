import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePromql } from '../../../platform/prometheus/index.js';
import { bindPromql, promqlFaults } from './bind-promql.js';

const BINDINGS = { model: 'digits', candidate: 'bbbbbbbbbbbb', champion: 'aaaaaaaaaaaa', windowMs: 61_500 };

describe('bindPromql', () => {
  it('puts names into quoted label values and the window into brackets', () => {
    const template =
      'sum(rate(errors_total{m="{{model}}",v="{{candidate}}"}[{{window}}])) / sum(rate(errors_total{v=\'{{ champion }}\'}[5m]))';
    expect(bindPromql(template, BINDINGS)).toEqual({
      text: 'sum(rate(errors_total{m="digits",v="bbbbbbbbbbbb"}[61500ms])) / sum(rate(errors_total{v=\'aaaaaaaaaaaa\'}[5m]))',
      selectors: [
        expect.objectContaining({ text: 'errors_total{m="digits",v="bbbbbbbbbbbb"}', reachMs: 61_500 }),
        expect.objectContaining({ text: "errors_total{v='aaaaaaaaaaaa'}", reachMs: 300_000 }),
      ],
      reachMs: 300_000,
    });
  });

  it('makes of a name within a pattern a pattern of that name alone', () => {
    const { text } = bindPromql('up{service=~"{{model}}-predictor-.*"}', { ...BINDINGS, model: 'a.b|c' });
    expect(text).toBe('up{service=~"a\\\\.b\\\\|c-predictor-.*"}');
  });

  it('never lets a value change what is asked: same syntax tree, and the value is one leaf', () => {
    const templates = [
      'sum(rate(x_total{m="{{model}}"}[5m]))',
      "x{m='{{model}}'} > 1",
      'x{a=~"{{model}}.*",b!~\'p{{model}}\'} / on(a) y{c!="{{model}}"}',
    ];
    const hostile = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^["'\\{}[\]()=~!,\n a-z|$^.*+?-]*$/),
      fc.constantFrom('"} or up{x="', '\\', '\\"', "'} or vector(1) #", '{{candidate}}', '\n', '\u2028', '\ud800', '"'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...templates), hostile, (template, model) => {
        const { text } = bindPromql(template, { ...BINDINGS, model });
        const [bound, plain] = [parsePromql(text), parsePromql(template)];
        expect(bound.faults).toEqual([]);
        expect(bound.shape).toEqual(plain.shape);
        expect(bound.strings).toHaveLength(plain.strings.length);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['rate(x[5m', 'it is not PromQL: it ends too early'],
    ['', 'it is not PromQL'],
    ['x{{model}}', 'within the quoted value of a label matcher'],
    ['{{model}}', 'within the quoted value of a label matcher'],
    ['label_replace(x, "a", "{{model}}", "b", ".*")', 'within the quoted value of a label matcher'],
    ['x{a=`{{model}}`}', 'between backticks'],
    ['x{a="{{user}}"}', 'there is no placeholder {{user}}'],
    ['rate(x[5m] offset {{window}})', 'as a range'],
    ['x{a="{{window}}"}', 'as a range'],
    ['rate(x[5m:{{window}}])', 'as a range'],
    ['rate(x[{{window}}+5m])', 'as a range'],
    ['x > {{window}}', 'as a range'],
    ['vector(1)', 'it reads no series'],
    ['time()', 'it reads no series'],
    ['absent(x)', 'may not use absent()'],
    ['absent_over_time(x[5m])', 'may not use absent_over_time()'],
    ['count_values("v", x)', 'may not use count_values'],
    ['limitk(1, x)', 'may not use limitk'],
    ['x @ 1', 'may not use @'],
    ['rate(x[5m] offset -5m)', 'may not use the duration -5m'],
    ['rate(x[2d])', 'more than 24 hours'],
    ['rate(x[23h] offset 2h)', 'more than 24 hours'],
    ['max_over_time(rate(x[5m])[10h:1s])', 'more than 1000 points'],
    ['max_over_time(max_over_time(x[5m:1m])[5m:1m])', 'within a subquery'],
    [Array.from({ length: 9 }, (_, n) => `x${n}`).join('+'), 'more than 8 selectors'],
  ])('refuses %j', (template, reason) => {
    const faults = promqlFaults(template);
    expect(faults.join('\n')).toContain(reason);
    expect(() => bindPromql(template, BINDINGS)).toThrow(RangeError);
  });

  it.each([
    'sum(rate(x_total{model="{{model}}",version="{{candidate}}"}[{{window}}])) or vector(0)',
    'histogram_quantile(0.99, sum by (le) (rate(x_bucket{a="{{model}}"}[5m])))',
    'max_over_time((a / b)[{{window}}:30s])',
    '1 - avg(up{job="x"})',
    '{__name__="x"}',
  ])('takes %j', (template) => {
    expect(promqlFaults(template)).toEqual([]);
  });
});
