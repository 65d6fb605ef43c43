import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../config/index.js';

export const kubernetesSettings = settingsGroup(
  'kubernetes',
  z.object({
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Kubeconfig file of the cluster; `KUBECONFIG` means the same. Unset: the service account of the pod that this program runs in. Read when something of the cluster is used.',
      ),
    requestTimeoutMs: z.coerce
      .number()
      .int()
      .min(100)
      .default(10_000)
      .describe('Longest wait for the answer to one request.'),
    resyncSeconds: z.coerce
      .number()
      .min(1)
      .max(60)
      .default(45)
      .describe('What is watched is also listed and compared so often, give or take a third.'),
  }),
);
export type KubernetesSettings = SettingsOf<typeof kubernetesSettings>;
