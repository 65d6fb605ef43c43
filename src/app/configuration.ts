import { parseSettings, type ParsedSettings, type SettingsGroup } from '../platform/config/index.js';
import { httpSettings } from '../platform/http/index.js';
import { kafkaSettings } from '../platform/kafka/index.js';
import { kubernetesSettings } from '../platform/kubernetes/index.js';
import { observabilitySettings } from '../platform/observability/index.js';
import { prometheusSettings } from '../platform/prometheus/index.js';
import { reconcileSettings } from '../platform/reconcile/index.js';
import { databaseSettings, processSettings } from './settings.js';
import { STAGE_SETTINGS } from './stage-settings.js';

/** Every setting of the program, in the order of the reference page. */
export const SETTINGS: readonly SettingsGroup[] = [
  processSettings,
  databaseSettings,
  kafkaSettings,
  kubernetesSettings,
  prometheusSettings,
  httpSettings,
  observabilitySettings,
  reconcileSettings,
  ...STAGE_SETTINGS,
];

/**
 * Parses the environment once. The names that platforms use everywhere (`DATABASE_URL`, `KAFKA_BROKERS`, `KUBECONFIG`,
 * `PROMETHEUS_URL`) are taken as well.
 * @throws InvalidInput with every fault
 */
export function readConfiguration(env: Readonly<Record<string, string | undefined>>): ParsedSettings {
  return parseSettings(SETTINGS, {
    ...env,
    RATCHET_DATABASE_URL: env['RATCHET_DATABASE_URL'] ?? env['DATABASE_URL'],
    RATCHET_KAFKA_BROKERS: env['RATCHET_KAFKA_BROKERS'] ?? env['KAFKA_BROKERS'],
    RATCHET_KUBERNETES_KUBECONFIG: env['RATCHET_KUBERNETES_KUBECONFIG'] ?? env['KUBECONFIG'],
    RATCHET_PROMETHEUS_URL: env['RATCHET_PROMETHEUS_URL'] ?? env['PROMETHEUS_URL'],
    RATCHET_PROCESS_ROLES: env['RATCHET_PROCESS_ROLES'] ?? env['RATCHET_ROLES'],
  });
}
