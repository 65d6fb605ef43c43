import type { Digest } from '../../kernel/index.js';
import type { TriggerPolicy } from '../../models/index.js';
import type { Finding, MonitorName } from '../../monitors/index.js';
import type { Attribution } from './attribution.js';
import { chooseRemedy } from './choose-remedy.js';
import { type OpenChange, obstacleTo } from './obstacles.js';
import type { RemedyOutcome } from './remedy-outcome.js';
import type { PlannedRemedy } from './remedy-plan.js';
import type { TriggerCharge } from './trigger-budget.js';
import type { Trigger, TriggerDecision, TriggerSpec } from './trigger.js';

/** What policy looks at beside the cause. */
export interface PolicyInput {
  readonly model: string;
  readonly policy: TriggerPolicy;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly findings: readonly Finding[];
  /** Triggers of the model, newest first. */
  readonly triggers: readonly Trigger[];
  /** How remedies ended on all models. */
  readonly outcomes: readonly RemedyOutcome[];
  /** What the model's latest report expected of every remedy; absent where nobody asked. */
  readonly plan?: readonly PlannedRemedy[];
  /** Who is changing what serves the model now. */
  readonly lockHolder: string | null;
  /** Experiments and rollouts of the model that have not ended. */
  readonly changes: readonly OpenChange[];
  /** What triggers of the model were charged with in the last 24 hours. */
  readonly charges: readonly TriggerCharge[];
  /** Samples that show the cause: since the estimated change, or all where nothing changed. */
  readonly fresh: { readonly rows: number; readonly labelled: number };
  readonly now: Date;
}

export type Proposal = Pick<TriggerDecision, 'action' | 'cause' | 'row' | 'reasons' | 'until'> & {
  /** What to open; only with the action `open`. */
  readonly spec: TriggerSpec | null;
};

/** Since when samples show what the cause is about; null = whatever is there. The newest change point of what alarms. */
export function freshSince(cause: Attribution['cause'], findings: readonly Finding[]): Date | null {
  if (cause !== 'compression-damage' && cause !== 'world-changed') return null;
  const quality: readonly MonitorName[] =
    cause === 'world-changed' ? ['accuracy', 'reference-accuracy', 'fidelity'] : ['fidelity', 'accuracy'];
  const changes = findings.flatMap(({ monitor, state, changeAt }) =>
    state === 'alarm' && changeAt !== null && quality.includes(monitor) ? [changeAt.getTime()] : [],
  );
  return changes.length === 0 ? null : new Date(Math.max(...changes));
}

/**
 * Turns a cause into a decision. Pure; every way out says why, and until when where that can be known.
 * One open trigger a model; then the ladder, what holds back (`obstacleTo`), and the dry run.
 */
export function decide(attribution: Attribution, input: PolicyInput): Proposal {
  const { cause, reasons, row } = attribution;
  const hold = (action: 'wait' | 'refuse', said: readonly string[], until: Date | null = null): Proposal => ({
    ...{ action, cause, row, until, spec: null },
    reasons: said,
  });
  const open = input.triggers.find((trigger) => trigger.status.phase === 'Open');
  if (open !== undefined) return hold('wait', [`Trigger ${open.id} is open.`]);
  if (cause === 'none' || cause === 'unclear' || cause === 'manual') return hold('wait', reasons);
  const choice = chooseRemedy(cause, input);
  if (choice.kind !== 'remedy') return hold('refuse', [...reasons, choice.reason]);
  const obstacle = obstacleTo(cause, choice.remedy, input);
  if (obstacle !== null) return hold(obstacle.action, [...reasons, obstacle.reason], obstacle.until);
  const all = [...reasons, choice.reason];
  if (input.policy.dryRun) return hold('refuse', [...all, 'Dry run: nothing is opened while it is on.']);
  const spec: TriggerSpec = {
    cause,
    remedy: choice.remedy,
    champion: input.champion,
    reference: input.reference,
    reasons: all,
    findings: input.findings,
    freshSince: freshSince(cause, input.findings),
  };
  return { action: 'open', cause, row, reasons: all, until: null, spec };
}

/** `<model>-t<n>` with the next free n. */
export function nextTriggerId(model: string, triggers: readonly Trigger[]): string {
  const numbers = triggers.map(({ id }) => Number(/-t(\d+)$/.exec(id)?.[1] ?? 0));
  return `${model}-t${Math.max(0, ...numbers) + 1}`;
}

/**
 * True when two decisions say the same. Figures within the reasons move with every pass, so only their words count.
 */
export function sameDecision(a: TriggerDecision, b: TriggerDecision): boolean {
  const words = ({ action, cause, trigger, reasons }: TriggerDecision): string =>
    JSON.stringify([action, cause, trigger, reasons.map((reason) => reason.replace(/\d+([.,:]\d+)*/g, '#'))]);
  return words(a) === words(b);
}
