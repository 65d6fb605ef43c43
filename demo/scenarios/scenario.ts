import type { Corruption } from '../corruptions.js';
import type { Stage } from '../loop.js';
import type { ScenarioSummary } from '../summary.js';

/** One story with a beginning that the demo makes and an end that Ratchet must reach by itself. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What the audience is told before it begins. */
  readonly story: string;
  /** Scenarios that must have happened before, when this one runs alone. */
  readonly needs: readonly string[];
  run(stage: Stage): Promise<Omit<ScenarioSummary, 'name' | 'title' | 'prelude'>>;
}

/** How the traffic looks in the scenarios; later scenarios start where earlier ones ended. */
export interface Conditions {
  readonly label: string;
  readonly corruption: Corruption;
}
