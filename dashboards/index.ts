import type { ClassicDashboard } from './page.js';
import { experimentsAndRollouts } from './experiments-and-rollouts.js';
import { jobsAndGpuBudget } from './jobs-and-gpu-budget.js';
import { promotionsAndQualityBudget } from './promotions-and-quality-budget.js';
import { telemetryAndMonitors } from './telemetry-and-monitors.js';
import { theLoop } from './the-loop.js';

/** Every dashboard by the name of its file in `generated/`. */
export const DASHBOARDS: Readonly<Record<string, () => ClassicDashboard>> = {
  'ratchet-loop': theLoop,
  'ratchet-telemetry': telemetryAndMonitors,
  'ratchet-jobs': jobsAndGpuBudget,
  'ratchet-rollouts': experimentsAndRollouts,
  'ratchet-promotions': promotionsAndQualityBudget,
};
