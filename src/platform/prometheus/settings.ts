import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../config/index.js';

export const prometheusSettings = settingsGroup(
  'prometheus',
  z.object({
    url: z
      .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
      .optional()
      .describe(
        'Prometheus 2.42 or newer (or what answers its HTTP API) that scrapes our gateways; `PROMETHEUS_URL` means the same. Unset: gates read the telemetry windows, and `promql` gates are refused.',
      ),
    timeoutMs: z.coerce
      .number()
      .int()
      .min(100)
      .max(120_000)
      .default(5_000)
      .describe('Longest wait for the answer to one query.'),
    bearerTokenFile: z
      .string()
      .optional()
      .describe(
        'File with a bearer token for Prometheus, read afresh for every query; a line break at its end is cut off.',
      ),
    maxResponseBytes: z.coerce
      .number()
      .int()
      .min(1_024)
      .max(64 * 1024 ** 2)
      .default(1_048_576)
      .describe('Largest answer that is read.'),
    staleSeconds: z.coerce
      .number()
      .min(1)
      .max(280)
      .default(90)
      .describe(
        'A newest sample older than this is no evidence any more. At least two scrape intervals; below the 5 minutes for which Prometheus itself repeats a last sample.',
      ),
    askSeconds: z.coerce
      .number()
      .min(0)
      .max(60)
      .default(5)
      .describe('The same gate is asked at most once in so many seconds; nothing changes between two scrapes.'),
  }),
);
export type PrometheusSettings = SettingsOf<typeof prometheusSettings>;
