import type { Fault } from '../kernel/index.js';
import type { DocumentRule, Gate, RolloutPolicy } from '../models/index.js';
import type { GateAdmission } from './ports.js';

/** Every gate of a policy with its path in the document. */
export function gatesOf({ steps, background }: RolloutPolicy): { readonly path: string; readonly gate: Gate }[] {
  const ofSteps = steps.flatMap(({ gates }, step) =>
    gates.map((gate, at) => ({ path: `spec.rollout.steps.${step}.gates.${at}`, gate })),
  );
  return [...ofSteps, ...(background ?? []).map((gate, at) => ({ path: `spec.rollout.background.${at}`, gate }))];
}

/** Asks the admission about every gate of a document. */
export function gateRule(admission: GateAdmission): DocumentRule {
  return async ({ rollout }) => {
    const faults = gatesOf(rollout).map(async ({ path, gate }): Promise<Fault[]> => {
      const wrong = await admission.check(gate);
      return wrong.map((message) => ({ path, message }));
    });
    return (await Promise.all(faults)).flat();
  };
}
