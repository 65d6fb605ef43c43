import { candidatesSettings } from '../candidates/settings.js';
import { experimentsSettings } from '../experiments/settings.js';
import { jobsSettings } from '../jobs/settings.js';
import { modelsSettings } from '../models/settings.js';
import { monitorsSettings } from '../monitors/settings.js';
import type { SettingsGroup } from '../platform/config/index.js';
import { rolloutsSettings } from '../rollouts/settings.js';
import { servingSettings } from '../serving/settings.js';
import { telemetryLogSettings, telemetrySettings } from '../telemetry/settings.js';
import { triggersSettings } from '../triggers/settings.js';

/** What each stage lets an operator set, in the data's order. */
export const STAGE_SETTINGS: readonly SettingsGroup[] = [
  modelsSettings,
  servingSettings,
  telemetrySettings,
  telemetryLogSettings,
  monitorsSettings,
  triggersSettings,
  jobsSettings,
  candidatesSettings,
  experimentsSettings,
  rolloutsSettings,
];
