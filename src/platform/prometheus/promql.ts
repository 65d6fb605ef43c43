import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode, Tree } from '@lezer/common';

/** What stands in a query's text at [`from`, `to`). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One vector selector: what a query reads. */
export interface PromqlSelector extends Span {
  /** Name and matchers, without range, offset or `@`. */
  readonly text: string;
  /** How far before the evaluation time its samples may lie: its range, offsets, and the ranges of subqueries around it. */
  readonly reachMs: number;
}

/** A string literal and where it is used. */
export interface PromqlString extends Span {
  readonly text: string;
  /** The matcher's operator when it is the value of a label matcher, otherwise null. */
  readonly matcher: '=' | '!=' | '=~' | '!~' | null;
}

/** A duration in brackets: the range of a matrix selector or of a subquery. */
export interface PromqlRange extends Span {
  readonly text: string;
  readonly of: 'selector' | 'subquery';
}

/** A parsed query. When `faults` is not empty the rest describes only what could be recognised. */
export interface Promql {
  readonly text: string;
  /** Where the grammar was broken, in sentences. */
  readonly faults: readonly string[];
  readonly selectors: readonly PromqlSelector[];
  readonly strings: readonly PromqlString[];
  readonly ranges: readonly PromqlRange[];
  /** Points that each subquery evaluates; null where its step is the server's. */
  readonly subqueries: readonly { readonly points: number | null; readonly depth: number }[];
  readonly functions: readonly string[];
  readonly aggregations: readonly string[];
  /** Constructs that are neither: `@`, negative or computed durations, and what newer servers call experimental. */
  readonly unusual: readonly string[];
  /**
   * The tree without its leaves' values: node names with their depth, and the text of every leaf that is neither a string nor
   * a duration. Two queries of the same shape ask the same of different series or ranges.
   */
  readonly shape: readonly string[];
}

/** The grammar's nodes that a query of one number over plain series has no need of. */
const UNUSUAL: Readonly<Record<string, string>> = {
  StepInvariantExpr: '@',
  AnchoredExpr: 'anchored',
  SmoothedExpr: 'smoothed',
  FillModifier: 'fill',
  DurationStep: 'step()',
  DurationRange: 'range()',
};

const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 },
};

/** Parses by Prometheus' own grammar. Never throws. */
export function parsePromql(text: string): Promql {
  const tree = parser.parse(text);
  const found = new Collector(text);
  tree.iterate({ enter: ({ node }) => found.enter(node) });
  if (tree.topNode.firstChild === null) found.faults.push('there is no expression');
  const { faults, selectors, strings, ranges, subqueries, functions, aggregations, unusual } = found;
  const shape = shapeOf(tree, text);
  return { text, faults, selectors, strings, ranges, subqueries, functions, aggregations, unusual, shape };
}

/** Milliseconds of a plain duration such as `1h30m`, `500ms` or `90` (seconds); null when it is none. */
export function durationMs(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) return null;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) sum += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  return sum;
}

class Collector {
  readonly faults: string[] = [];
  readonly selectors: PromqlSelector[] = [];
  readonly strings: PromqlString[] = [];
  readonly ranges: PromqlRange[] = [];
  readonly subqueries: { points: number | null; depth: number }[] = [];
  readonly functions: string[] = [];
  readonly aggregations: string[] = [];
  readonly unusual: string[] = [];

  constructor(private readonly text: string) {}

  enter(node: SyntaxNode): void {
    if (node.type.isError) this.faults.push(this.faultAt(node));
    const text = this.textOf(node);
    switch (node.name) {
      case 'VectorSelector':
        this.selectors.push({ ...span(node), text, reachMs: this.reach(node) });
        break;
      case 'StringLiteral':
        this.strings.push({ ...span(node), text, matcher: this.matcherOf(node) });
        break;
      case 'FunctionIdentifier':
        this.functions.push(text);
        break;
      case 'AggregateOp':
        this.aggregations.push(text);
        break;
      case 'MatrixSelector':
      case 'SubqueryExpr':
        this.bracket(node);
        break;
      case 'OffsetDurationExpr':
      case 'DurationExpr':
        if (durationMs(text) === null && parentIsNot(node, node.name)) this.unusual.push(`the duration ${text}`);
        break;
      default:
        if (UNUSUAL[node.name] !== undefined) this.unusual.push(UNUSUAL[node.name] as string);
    }
  }

  private bracket(node: SyntaxNode): void {
    const [range, step] = node.getChildren('DurationExpr');
    const of = node.name === 'SubqueryExpr' ? 'subquery' : 'selector';
    if (range !== undefined) this.ranges.push({ ...span(range), text: this.textOf(range), of });
    if (of === 'selector') return;
    const stepMs = step === undefined ? null : durationMs(this.textOf(step));
    const rangeMs = range === undefined ? null : durationMs(this.textOf(range));
    const depth = ancestors(node).filter(({ name }) => name === 'SubqueryExpr').length;
    this.subqueries.push({ points: stepMs && rangeMs ? rangeMs / stepMs : null, depth });
  }

  private reach(selector: SyntaxNode): number {
    let sum = 0;
    for (const node of ancestors(selector)) {
      if (node.name === 'MatrixSelector' || node.name === 'SubqueryExpr') sum += this.durationIn(node, 'DurationExpr');
      if (node.name === 'OffsetExpr') sum += this.durationIn(node, 'OffsetDurationExpr');
    }
    return sum;
  }

  private durationIn(node: SyntaxNode, kind: string): number {
    const duration = node.getChild(kind);
    return duration === null ? 0 : (durationMs(this.textOf(duration)) ?? 0);
  }

  private matcherOf(string: SyntaxNode): PromqlString['matcher'] {
    const { parent } = string;
    if (parent?.name !== 'UnquotedLabelMatcher' && parent?.name !== 'QuotedLabelMatcher') return null;
    const operator = parent.getChild('MatchOp');
    return operator === null ? null : (this.textOf(operator) as PromqlString['matcher']);
  }

  private faultAt(node: SyntaxNode): string {
    const near = this.text.slice(node.from, node.from + 20);
    return near === '' ? 'it ends too early' : `not understood at character ${node.from + 1}: ${near}`;
  }

  private textOf({ from, to }: Span): string {
    return this.text.slice(from, to);
  }
}

function shapeOf(tree: Tree, text: string): string[] {
  const shape: string[] = [];
  let depth = 0;
  tree.iterate({
    enter: ({ name, node, from, to }) => {
      const isValue = name === 'StringLiteral' || name === 'NumberDurationLiteralInDurationContext';
      const leaf = node.firstChild === null && !isValue ? `=${text.slice(from, to)}` : '';
      shape.push(`${depth}${name}${leaf}`);
      depth += 1;
    },
    leave: () => {
      depth -= 1;
    },
  });
  return shape;
}

function* ancestorsOf(node: SyntaxNode): Generator<SyntaxNode> {
  for (let { parent } = node; parent !== null; { parent } = parent) yield parent;
}

function ancestors(node: SyntaxNode): SyntaxNode[] {
  return [...ancestorsOf(node)];
}

function parentIsNot(node: SyntaxNode, name: string): boolean {
  return node.parent?.name !== name;
}

function span({ from, to }: Span): Span {
  return { from, to };
}
