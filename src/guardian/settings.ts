import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseSettings } from '../platform/config/parse-settings.js';
import { settingsGroup, type SettingsOf } from '../platform/config/settings-group.js';
import { kubernetesSettings, type KubernetesSettings } from '../platform/kubernetes/index.js';
import { ROUTE_KINDS, type RouteKind } from '../rollouts/index.js';

const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';
const KINDS = Object.keys(ROUTE_KINDS) as RouteKind[];

const names = (text: string): string[] => text.split(/[\s,]+/).filter((part) => part !== '');

export const guardianSettings = settingsGroup(
  'guardian',
  z.object({
    namespaces: z
      .string()
      .optional()
      .describe(
        'Namespaces whose routes are watched, separated by commas; `*` = all. Unset: the pod’s own, or `default`.',
      ),
    kinds: z
      .string()
      .default('http-route')
      .transform(names)
      .pipe(z.array(z.enum(KINDS)).min(1))
      .describe(
        `Kinds of routes that are watched, separated by commas: ${KINDS.join(', ')}. The cluster must have them.`,
      ),
    resyncSeconds: z.coerce
      .number()
      .min(1)
      .max(60)
      .default(5)
      .describe('All routes are listed anew so often, give or take a third, whether the watch works or not.'),
    port: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(8_081)
      .describe('Where `/healthz`, `/readyz` and `/metrics` are answered; 0 = any free port.'),
    logLevel: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('Least level that is logged.'),
  }),
);
export type GuardianSettings = SettingsOf<typeof guardianSettings>;

/** @throws InvalidInput with every fault */
export function readGuardianSettings(env: Readonly<Record<string, string | undefined>>): {
  readonly guardian: GuardianSettings;
  readonly kubernetes: KubernetesSettings;
  readonly namespaces: readonly (string | null)[];
} {
  const settings = parseSettings([guardianSettings, kubernetesSettings], {
    ...env,
    RATCHET_KUBERNETES_KUBECONFIG: env['RATCHET_KUBERNETES_KUBECONFIG'] ?? env['KUBECONFIG'],
  });
  const guardian = settings.of(guardianSettings);
  const asked = names(guardian.namespaces ?? ownNamespace());
  const namespaces = asked.includes('*') ? [null] : asked;
  return { guardian, kubernetes: settings.of(kubernetesSettings), namespaces };
}

function ownNamespace(): string {
  return existsSync(NAMESPACE_FILE) ? readFileSync(NAMESPACE_FILE, 'utf8').trim() : 'default';
}
