import type { PlannedRemedy } from './domain/remedy-plan.js';
import { RemedyPlans, type RemedyPlanSource } from './ports.js';

/** Asks the source that registered; without one there is no plan. */
export class RegisteredPlans extends RemedyPlans {
  private source: RemedyPlanSource | null = null;

  override register(source: RemedyPlanSource): void {
    this.source = source;
  }

  override async latest(model: string): Promise<readonly PlannedRemedy[]> {
    return this.source === null ? [] : this.source(model);
  }
}
