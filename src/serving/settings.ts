import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';

const count = (fallback: number, what: string) => z.coerce.number().int().min(1).default(fallback).describe(what);

export const servingSettings = settingsGroup(
  'serving',
  z.object({
    workers: count(1, 'ONNX Runtime threads that answer requests; one more works in the background.'),
    queueLimit: count(128, 'Requests that may wait for a thread; one more is answered 429.'),
    requestTimeoutMs: count(5_000, 'How long a request may take, waiting included, before it is answered 503.'),
    maxRows: count(64, 'Most rows in one request.'),
    routeIntervalMs: count(200, 'How often the gateway looks for a changed route.'),
    heartbeatMs: count(1_000, 'How often the gateway reports what it has in force.'),
    servedIntervalMs: count(
      2_000,
      'How often the gateway tells telemetry how much it answered, which coverage is measured against.',
    ),
    mirrorQueueLimit: count(256, 'Requests that may wait to be mirrored; further ones are skipped and counted.'),
    backgroundSessions: count(4, 'Versions that the background thread keeps loaded.'),
  }),
);
