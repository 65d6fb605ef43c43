import type { z } from 'zod';
import type { Fault } from '../../../kernel/index.js';

/** One free dimension, the batch, and it is the first. */
export function shape(dims: readonly number[], context: z.RefinementCtx): void {
  dims.forEach((dim, index) => {
    if (index === 0 && dim !== -1) {
      context.addIssue({ code: 'custom', path: [index], message: 'must be -1: the first dimension is the batch' });
    }
    if (index > 0 && dim < 1) {
      context.addIssue({ code: 'custom', path: [index], message: 'must be at least 1: only the batch is free' });
    }
  });
}

/** True for a name that this runtime's time zone data has. */
export function knownTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** A long window that is no longer than the short one would say the same twice. */
export function longerThanShort(
  rule: { readonly longSeconds: number; readonly shortSeconds: number },
  context: z.RefinementCtx,
): void {
  if (rule.longSeconds > rule.shortSeconds) return;
  context.addIssue({ code: 'custom', path: ['longSeconds'], message: 'must be more than shortSeconds' });
}

/** Quiet hours of no length are a slip: they might be meant for the whole day. */
export function notEmpty(hours: { readonly from: string; readonly until: string }, context: z.RefinementCtx): void {
  if (hours.from !== hours.until) return;
  context.addIssue({ code: 'custom', path: ['until'], message: 'must not be the same as from' });
}

/** Each step gives the candidate more than the one before. */
export function rising(steps: readonly { readonly weight: number }[], context: z.RefinementCtx): void {
  steps.forEach(({ weight }, index) => {
    const before = steps[index - 1]?.weight;
    if (before !== undefined && weight <= before) {
      context.addIssue({
        code: 'custom',
        path: [index, 'weight'],
        message: `must be more than ${before}, the step before`,
      });
    }
  });
}

/** A bound is what makes a number of somebody's own query a condition. */
export function bounded(gate: { readonly kind: string }, context: z.RefinementCtx): void {
  const { min, max } = gate as { readonly min?: number | null; readonly max?: number | null };
  if (gate.kind !== 'promql') return;
  const say = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  if (min === null && max === null) say('max', 'needs min, max or both, or every value would pass');
  if (typeof min === 'number' && typeof max === 'number' && min > max) say('min', `must not be more than max (${max})`);
}

/** Decisions, records and metrics speak of gates by name, so a step may not have two of the same, its background ones included. */
export function namedOnce(
  rollout: {
    readonly steps: readonly { readonly gates: readonly NamedGate[] }[];
    readonly background?: readonly NamedGate[];
  },
  context: z.RefinementCtx,
): void {
  const nameOf = ({ name, kind }: NamedGate): string => name ?? kind;
  const seen = new Set<string>();
  const once = (gates: readonly NamedGate[], taken: Set<string>, path: readonly (string | number)[]): void => {
    gates.forEach((gate, index) => {
      const message = `must have another name than "${nameOf(gate)}", which a gate of the same step has already`;
      if (taken.has(nameOf(gate))) context.addIssue({ code: 'custom', path: [...path, index, 'name'], message });
      taken.add(nameOf(gate));
    });
  };
  once(rollout.background ?? [], seen, ['background']);
  rollout.steps.forEach(({ gates }, step) => {
    once(gates, new Set(seen), ['steps', step, 'gates']);
  });
}

interface NamedGate {
  readonly kind: string;
  readonly name?: string;
}

/**
 * Rules between parts of a document. They look at whatever is there, so that they are reported together with the faults
 * of single fields instead of only after those are mended.
 */
export function crossFaults(document: unknown): Fault[] {
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), document);
  const number = (path: string, fallback?: number): number => {
    const value = at(path) ?? fallback;
    return typeof value === 'number' ? value : NaN;
  };
  const faults: Fault[] = [];
  const rule = (broken: boolean, path: string, message: string) => broken && faults.push({ path, message });

  const maxLoss = number('spec.objectives.qualityBudget.maxLoss', 0.01);
  rule(
    number('spec.experiment.margin') > maxLoss,
    'spec.experiment.margin',
    `must not be more than spec.objectives.qualityBudget.maxLoss (${maxLoss})`,
  );
  const classes = number('spec.task.classes');
  const outputShape = at('spec.output.shape');
  const answers: unknown = Array.isArray(outputShape) ? outputShape.at(-1) : undefined;
  rule(
    typeof answers === 'number' && answers >= 1 && classes >= 2 && answers !== classes,
    'spec.output.shape',
    `must end in ${classes}, one score for each of spec.task.classes`,
  );
  rule(
    number('spec.telemetry.sampleSeconds', 86_400) < number('spec.telemetry.windowSeconds', 60),
    'spec.telemetry.sampleSeconds',
    'must not be less than spec.telemetry.windowSeconds',
  );
  const columns = at('spec.telemetry.columns');
  const inputShape = at('spec.input.shape');
  const rowLength = Array.isArray(inputShape)
    ? inputShape.slice(1).reduce<number>((product, size) => product * Number(size), 1)
    : NaN;
  rule(
    Array.isArray(columns) && columns.length > 0 && rowLength > 0 && columns.length !== rowLength,
    'spec.telemetry.columns',
    `must name all ${rowLength} numbers of an input row, or none`,
  );
  rule(
    Array.isArray(columns) && new Set(columns).size !== columns.length,
    'spec.telemetry.columns',
    'must not name a column twice',
  );
  const maxCost = at('spec.objectives.maxCostPerThousand');
  rule(
    typeof maxCost === 'number' && !isRecord(at('spec.monitors.cost')),
    'spec.objectives.maxCostPerThousand',
    'needs spec.monitors.cost, or nobody knows what a request costs',
  );
  rule(
    number('spec.rollout.blindSeconds', 900) < number('spec.telemetry.windowSeconds', 60),
    'spec.rollout.blindSeconds',
    'must not be less than spec.telemetry.windowSeconds, or a step is blind before its first window ends',
  );
  return faults;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
