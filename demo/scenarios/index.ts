import { badCandidate } from './bad-candidate.js';
import { compressionDamage } from './compression-damage.js';
import { firstCompression } from './first-compression.js';
import type { Scenario } from './scenario.js';
import { worldChanged } from './world-changed.js';

/** In the order in which they are told; each starts where the one before ended. */
export const SCENARIOS: readonly Scenario[] = [firstCompression, compressionDamage, worldChanged, badCandidate];

/** The scenarios to run for a name (all without one), preludes included. @throws TypeError for an unknown name */
export function scenariosFor(name: string | undefined): { readonly scenario: Scenario; readonly prelude: boolean }[] {
  if (name === undefined) return SCENARIOS.map((scenario) => ({ scenario, prelude: false }));
  const wanted = SCENARIOS.find((scenario) => scenario.name === name);
  if (wanted === undefined)
    throw new TypeError(
      `There is no scenario "${name}". There are: ${SCENARIOS.map((known) => known.name).join(', ')}.`,
    );
  const preludes = SCENARIOS.filter((scenario) => wanted.needs.includes(scenario.name));
  return [...preludes.map((scenario) => ({ scenario, prelude: true })), { scenario: wanted, prelude: false }];
}
