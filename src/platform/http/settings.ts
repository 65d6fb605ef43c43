import { z } from 'zod';
import { settingsGroup } from '../config/index.js';
import { OPENABLE_ROUTES } from './decorators.js';

const MEBIBYTE = 1024 * 1024;

export const httpSettings = settingsGroup(
  'http',
  z.object({
    port: z.coerce.number().int().min(0).max(65_535).default(8080).describe('TCP port; 0 takes a free one.'),
    host: z
      .string()
      .optional()
      .describe(
        'Address to listen on. Unset: every interface when API tokens are configured, otherwise loopback only.',
      ),
    bootstrapToken: z
      .string()
      .min(24, 'must have at least 24 characters')
      .optional()
      .describe('A secret that acts as an admin token named `bootstrap`, to create the first real tokens with.'),
    jsonBytes: z.coerce.number().int().min(1024).default(MEBIBYTE).describe('Largest JSON request body in bytes.'),
    openRoutes: z
      .string()
      .default('')
      .transform((text) =>
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      )
      .pipe(z.array(z.enum(OPENABLE_ROUTES)))
      .describe(
        'Routes that also take requests without a token, for senders that cannot send one (`cloudevents`: the logger of KServe). Whoever reaches the port can then write telemetry: let a NetworkPolicy say who does.',
      ),
    docs: z
      .stringbool()
      .default(true)
      .describe('Serve the API documentation page at `/docs` and the OpenAPI document (both without a token).'),
  }),
);

/** Largest body of the routes that take telemetry events, in bytes. */
export const INGEST_BODY_BYTES = 16 * MEBIBYTE;
