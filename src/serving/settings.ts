import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';
import { GATEWAY_ARMS } from './domain/pinned-arm.js';

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
    arm: z
      .enum(GATEWAY_ARMS)
      .default('split')
      .describe(
        'Which requests this gateway is for: split decides each by the route; stable and candidate answer all of them with that version, because somebody else splits (an HTTPRoute, a VirtualService).',
      ),
    armLingerSeconds: z.coerce
      .number()
      .min(0)
      .max(3_600)
      .default(30)
      .describe(
        'A gateway pinned to the candidate answers with the champion for so long after the candidate was taken out of the route, then with 503.',
      ),
    backgroundSessions: count(4, 'Versions that the background thread keeps loaded.'),
  }),
);
