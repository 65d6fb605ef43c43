import { type Promql, parsePromql, type PromqlSelector } from '../../../platform/prometheus/index.js';
import { escaped, literalPattern } from './quoting.js';

/** What the placeholders of a gate's query stand for. */
export interface PromqlBindings {
  readonly model: string;
  /** The label `version` of our own metrics. */
  readonly candidate: string;
  readonly champion: string;
  /** Time since the step was in force. */
  readonly windowMs: number;
}

/** A query with its placeholders replaced. */
export interface BoundPromql {
  readonly text: string;
  /** What it reads, in the bound text. */
  readonly selectors: readonly PromqlSelector[];
  /** How far before its evaluation it may look, at most. */
  readonly reachMs: number;
}

const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;
const LABELS = ['model', 'candidate', 'champion'] as const;

interface Placeholder {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** What a gate may call. Nothing that answers without data (`absent`), that depends on the server's flags, or on the query's range. */
const FUNCTIONS = new Set(
  `abs avg_over_time ceil changes clamp clamp_max clamp_min count_over_time delta deriv exp floor histogram_quantile idelta
   increase irate label_join label_replace last_over_time ln log10 log2 max_over_time min_over_time predict_linear
   present_over_time quantile_over_time rate resets round scalar sgn sqrt stddev_over_time stdvar_over_time sum_over_time
   time timestamp vector`.split(/\s+/),
);
const AGGREGATIONS = new Set('avg bottomk count max min quantile stddev stdvar sum topk group'.split(' '));

const MOST_SELECTORS = 8;
const MOST_REACH_MS = 24 * 3_600_000;
const MOST_POINTS = 1_000;

/** What is wrong with a gate's query as it is written, in sentences; empty = it can be bound and asked. */
export function promqlFaults(template: string): string[] {
  const { draft, placeholders, unknown } = drafted(template);
  if (unknown.length > 0) {
    const known = [...LABELS, 'window'].map((name) => `{{${name}}}`).join(', ');
    return unknown.map((name) => `there is no placeholder {{${name}}}; there are ${known}`);
  }
  const misplaced = placeholders.flatMap((placeholder) => placementFault(draft, placeholder));
  if (misplaced.length > 0) return misplaced;
  if (draft.faults.length > 0) return draft.faults.map((fault) => `it is not PromQL: ${fault}`);
  return limitFaults(draft);
}

/**
 * Puts values in the place of the placeholders: names only within quoted values of label matchers, escaped; the window only
 * as a range in brackets. The result has the template's syntax tree, whatever the values are.
 * @throws RangeError when the template has faults
 */
export function bindPromql(template: string, bindings: PromqlBindings): BoundPromql {
  const faults = promqlFaults(template);
  if (faults.length > 0) throw new RangeError(faults.join('; '));
  const { draft, placeholders } = drafted(template);
  let text = template;
  for (const placeholder of placeholders.toReversed()) {
    text = text.slice(0, placeholder.from) + valueFor(placeholder, draft, bindings) + text.slice(placeholder.to);
  }
  const bound = parsePromql(text);
  if (bound.faults.length > 0 || bound.shape.join() !== draft.shape.join())
    throw new RangeError('binding would change what the query asks');
  return { text, selectors: bound.selectors, reachMs: Math.max(...bound.selectors.map(({ reachMs }) => reachMs)) };
}

/** The template as PromQL of the same length: a placeholder for the window is a duration, one within a string stays. */
function drafted(template: string): { draft: Promql; placeholders: Placeholder[]; unknown: string[] } {
  const placeholders: Placeholder[] = [...template.matchAll(PLACEHOLDER)].map((match) => ({
    name: match[1] ?? '',
    from: match.index,
    to: match.index + match[0].length,
  }));
  const unknown = placeholders.map(({ name }) => name).filter((name) => ![...LABELS, 'window'].includes(name));
  const text = placeholders
    .filter(({ name }) => name === 'window')
    .reduce((written, { from, to }) => written.slice(0, from) + fillDuration(to - from) + written.slice(to), template);
  return { draft: parsePromql(text), placeholders, unknown };
}

/** A duration of so many characters and no length, so that it adds nothing to what a query reaches by itself. */
function fillDuration(characters: number): string {
  return `${'0'.repeat(characters - 1)}s`;
}

function placementFault(draft: Promql, { name, from, to }: Placeholder): string[] {
  if (name === 'window') {
    const isRange = draft.ranges.some((range) => range.from === from && range.to === to);
    return isRange ? [] : ['{{window}} may only stand as a range: [{{window}}] or [{{window}}:1m]'];
  }
  const string = draft.strings.find((each) => each.from < from && to < each.to);
  if (string === undefined || string.matcher === null)
    return [`{{${name}}} may only stand within the quoted value of a label matcher: label="{{${name}}}"`];
  return string.text.startsWith('`')
    ? [`{{${name}}} may not stand between backticks, where nothing can be escaped`]
    : [];
}

function limitFaults({ selectors, functions, aggregations, unusual, subqueries }: Promql): string[] {
  const strange = [
    ...functions.filter((name) => !FUNCTIONS.has(name)).map((name) => `${name}()`),
    ...aggregations.filter((name) => !AGGREGATIONS.has(name)),
    ...unusual,
  ];
  const reachMs = Math.max(0, ...selectors.map((selector) => selector.reachMs));
  const points = subqueries.map((each) => each.points ?? 0);
  return [
    ...[...new Set(strange)].map((what) => `gates may not use ${what}`),
    ...(selectors.length === 0 ? ['it reads no series: without data nothing can pass'] : []),
    ...(selectors.length > MOST_SELECTORS ? [`it reads more than ${MOST_SELECTORS} selectors`] : []),
    ...(reachMs > MOST_REACH_MS ? ['it looks back more than 24 hours'] : []),
    ...(subqueries.some(({ depth }) => depth > 0) ? ['a subquery within a subquery is too much'] : []),
    ...(points.some((count) => count > MOST_POINTS)
      ? [`a subquery of more than ${MOST_POINTS} points is too much`]
      : []),
  ];
}

function valueFor({ name, from }: Placeholder, draft: Promql, bindings: PromqlBindings): string {
  if (name === 'window') return `${Math.max(1, Math.floor(bindings.windowMs))}ms`;
  const value = bindings[name as (typeof LABELS)[number]];
  const string = draft.strings.find((each) => each.from < from && from < each.to);
  const isPattern = string?.matcher === '=~' || string?.matcher === '!~';
  return escaped(isPattern ? literalPattern(value) : value, string?.text.startsWith("'") ? "'" : '"');
}
