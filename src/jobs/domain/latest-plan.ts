import type { Job } from './job.js';
import type { PlannedAlternative } from './report.js';

/** What the newest report with a plan expected of everything that its runner could have tried; empty where there is none. */
export function latestPlan(newestFirst: readonly Job[]): readonly PlannedAlternative[] {
  for (const { status } of newestFirst) {
    if (status.phase === 'Succeeded' && status.report.plan !== undefined && status.report.plan.length > 0)
      return status.report.plan;
  }
  return [];
}
