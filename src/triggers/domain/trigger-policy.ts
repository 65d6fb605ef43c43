import type { Digest } from '../../kernel/index.js';
import type { TriggerPolicy } from '../../models/index.js';
import type { Finding, MonitorName } from '../../monitors/index.js';
import type { Attribution } from './attribution.js';
import { LADDERS, nextRemedy } from './remedy-ladder.js';
import type { Cause, Trigger, TriggerDecision, TriggerSpec } from './trigger.js';

/** What policy looks at beside the cause. */
export interface PolicyInput {
  readonly policy: TriggerPolicy;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly findings: readonly Finding[];
  /** Triggers of the model, newest first. */
  readonly triggers: readonly Trigger[];
  /** Who is changing what serves the model now. */
  readonly lockHolder: string | null;
  /** Runner time that triggers of the model have spent in the last 24 hours. */
  readonly spentSeconds: number;
  /** Samples that show the cause: since the estimated change, or all where nothing changed. */
  readonly fresh: { readonly rows: number; readonly labelled: number };
  readonly now: Date;
}

export type Proposal = Pick<TriggerDecision, 'action' | 'cause' | 'reasons'> & {
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
 * Turns a cause into a decision. Pure; every way out says why.
 * One open trigger a model; then the ladder, the cool-down, the change lock, the budget, the data, and the dry run.
 */
export function decide(attribution: Attribution, input: PolicyInput): Proposal {
  const { cause, reasons } = attribution;
  const open = input.triggers.find((trigger) => trigger.status.phase === 'Open');
  if (open !== undefined) return { action: 'wait', cause, reasons: [`Trigger ${open.id} is open.`], spec: null };
  if (cause === 'none' || cause === 'unclear' || cause === 'manual')
    return { action: 'wait', cause, reasons, spec: null };
  const remedy = nextRemedy(cause, input.champion, input.triggers);
  if (remedy === null) {
    const tried = `All ${LADDERS[cause].length} remedies for ${cause} were tried on this champion without success.`;
    return { action: 'refuse', cause, reasons: [...reasons, tried], spec: null };
  }
  const obstacle = obstacleTo(cause, input);
  if (obstacle !== null) return { action: obstacle.action, cause, reasons: [...reasons, obstacle.reason], spec: null };
  const chosen = `Remedy: ${remedy.recipe}, rung ${remedy.rung} of ${LADDERS[cause].length}${remedy.rung === 0 ? ', the cheapest' : ', because the cheaper ones did not help'}.`;
  if (input.policy.dryRun)
    return { action: 'refuse', cause, reasons: [...reasons, chosen, 'Dry run: nothing is opened.'], spec: null };
  const spec: TriggerSpec = {
    cause,
    remedy,
    champion: input.champion,
    reference: input.reference,
    reasons: [...reasons, chosen],
    findings: input.findings,
    freshSince: freshSince(cause, input.findings),
  };
  return { action: 'open', cause, reasons: spec.reasons, spec };
}

function obstacleTo(
  cause: Exclude<Cause, 'manual'>,
  input: PolicyInput,
): { readonly action: 'wait' | 'refuse'; readonly reason: string } | null {
  const { policy, triggers, lockHolder, spentSeconds, fresh, now } = input;
  const coolUntil = coolDownEnd(cause, triggers, policy);
  if (coolUntil !== null && coolUntil > now)
    return { action: 'wait', reason: `Cool-down after the last trigger until ${coolUntil.toISOString()}.` };
  if (lockHolder !== null) return { action: 'refuse', reason: `What serves is being changed by ${lockHolder}.` };
  if (spentSeconds >= policy.runnerSecondsPerDay)
    return {
      action: 'refuse',
      reason: `Triggers have spent ${Math.round(spentSeconds)} of ${policy.runnerSecondsPerDay} runner seconds in 24 hours.`,
    };
  if (fresh.rows < policy.minimumSamples)
    return { action: 'wait', reason: `${fresh.rows} of ${policy.minimumSamples} samples that the remedy needs.` };
  if (cause === 'world-changed' && fresh.labelled < policy.minimumLabelled)
    return {
      action: 'wait',
      reason: `${fresh.labelled} of ${policy.minimumLabelled} labelled samples that the remedy needs.`,
    };
  return null;
}

/** The very first compression of a model has nothing to cool down from. */
function coolDownEnd(cause: Cause, triggers: readonly Trigger[], policy: TriggerPolicy): Date | null {
  if (cause === 'no-compressed-champion' && triggers.every((trigger) => trigger.spec.cause !== cause)) return null;
  const ends = triggers.flatMap(({ status }) => (status.phase === 'Resolved' ? [status.at.getTime()] : []));
  return ends.length === 0 ? null : new Date(Math.max(...ends) + policy.coolDownSeconds * 1000);
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
