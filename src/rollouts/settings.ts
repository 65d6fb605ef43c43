import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

const NAMED_URL = /^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)=(https?:\/\/\S+)$/;

export const rolloutsSettings = settingsGroup(
  'rollouts',
  z.object({
    kserveStorageUri: z
      .string()
      .min(1)
      .refine((text) => text.includes('{sha256}'), 'must contain {sha256}')
      .optional()
      .describe(
        'Where KServe finds a version for targets of the kind kserve, e.g. `s3://models/{sha256}`; `{sha256}` is its 64 hex digits, `{model}` the model’s name.',
      ),
    webhooks: z
      .string()
      .default('')
      .transform((text) => text.split(/[\s,]+/).filter((part) => part !== ''))
      .superRefine((parts, context) => {
        for (const part of parts)
          if (!NAMED_URL.test(part)) context.addIssue({ code: 'custom', message: `"${part}" is not name=http(s)://…` });
      })
      .transform((parts) => new Map(parts.map((part) => [part.split('=', 1)[0]!, part.slice(part.indexOf('=') + 1)])))
      .describe(
        'Data planes for targets of the kind webhook: `name=https://…`, separated by commas. Model documents can name nothing else.',
      ),
    webhookSecretFolder: z
      .string()
      .min(1)
      .optional()
      .describe('Folder with the secret of each webhook in a file of its name; requests are signed with it.'),
    webhookTimeoutMs: z.coerce
      .number()
      .int()
      .min(100)
      .max(60_000)
      .default(5_000)
      .describe('Longest wait for the answer of a webhook; what it did then is unknown and asked for.'),
  }),
);
export type RolloutsSettings = SettingsOf<typeof rolloutsSettings>;
