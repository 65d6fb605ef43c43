import { parseSettings, type ParsedSettings, type SettingsGroup } from '../platform/config/index.js';
import { httpSettings } from '../platform/http/index.js';
import { observabilitySettings } from '../platform/observability/index.js';
import { reconcileSettings } from '../platform/reconcile/index.js';
import { databaseSettings } from './settings.js';
import { STAGE_SETTINGS } from './stage-settings.js';

/** Every setting of the program, in the order of the reference page. */
export const SETTINGS: readonly SettingsGroup[] = [
  databaseSettings,
  httpSettings,
  observabilitySettings,
  reconcileSettings,
  ...STAGE_SETTINGS,
];

/**
 * Parses the environment once. `DATABASE_URL` is what every platform calls it, so it is taken as well.
 * @throws InvalidInput with every fault
 */
export function readConfiguration(env: Readonly<Record<string, string | undefined>>): ParsedSettings {
  return parseSettings(SETTINGS, { ...env, RATCHET_DATABASE_URL: env['RATCHET_DATABASE_URL'] ?? env['DATABASE_URL'] });
}
