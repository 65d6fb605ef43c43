import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';

export const databaseSettings = settingsGroup(
  'database',
  z.object({
    url: z
      .url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' })
      .optional()
      .describe(
        'PostgreSQL 15 or newer; `DATABASE_URL` means the same. Unset: an embedded PostgreSQL with its data in the folder below.',
      ),
    folder: z.string().default('.ratchet/postgres').describe('Where the embedded PostgreSQL keeps its data.'),
    poolSize: z.coerce.number().int().min(4).default(12).describe('Connections of this process.'),
  }),
);
