import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';

const ROLES = ['control', 'gateway', 'ingest'] as const;
export type Role = (typeof ROLES)[number];

export const processSettings = settingsGroup(
  'process',
  z.object({
    roles: z
      .string()
      .default('all')
      .transform((text) => [...new Set(text.split(',').map((role) => role.trim()))])
      .transform((names) => (names.includes('all') ? [...ROLES] : names))
      .pipe(z.array(z.enum(ROLES, { error: `must be all, or some of ${ROLES.join(', ')}` })).min(1))
      .describe(
        'What this process does, comma separated; `RATCHET_ROLES` means the same. `ingest`: from the log into windows; `gateway`: the built-in data plane; `control`: everything else; `all`: the three.',
      ),
  }),
);

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
    idleTransactionMs: z.coerce
      .number()
      .int()
      .min(1000)
      .default(10_000)
      .describe('A process that is stopped within a transaction keeps its locks so long; then others go on.'),
    statementMs: z.coerce
      .number()
      .int()
      .min(500)
      .default(30_000)
      .describe(
        'The server gives up a statement that takes longer; when not even that is heard within 2 s more, the connection is given up.',
      ),
    connectMs: z.coerce
      .number()
      .int()
      .min(100)
      .default(10_000)
      .describe('So long one waits for a connection, be it a new one or one of the pool.'),
  }),
);
