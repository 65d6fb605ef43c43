import { z } from 'zod';
import { parseServiceMap } from './domain/kserve.js';
import { settingsGroup, type SettingsOf } from '../platform/config/index.js';

export const telemetrySettings = settingsGroup(
  'telemetry',
  z.object({
    partition: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Number of this process among those that take telemetry themselves; each needs its own.'),
    flushMs: z.coerce
      .number()
      .int()
      .min(10)
      .default(250)
      .describe('Longest time an answer waits in memory to be written.'),
    batchEntries: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(500)
      .describe('Entries written in one transaction.'),
    bufferEntries: z.coerce
      .number()
      .int()
      .min(1)
      .default(20_000)
      .describe('Entries kept in memory while the database does not keep up; what comes on top is shed and counted.'),
    bufferBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .default(128 * 1024 * 1024)
      .describe('Bytes of the same, raw inputs included.'),
    samplesPerSecond: z.coerce.number().min(0).default(200).describe('Raw inputs kept a second and model at most.'),
    maxBodyBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .max(16 * 1024 * 1024)
      .default(4 * 1024 * 1024)
      .describe('Largest body of `POST /api/v1/telemetry/events`; larger ones become a dead letter.'),
    logDuplicates: z
      .enum(['kept', 'all'])
      .default('kept')
      .describe(
        'Which events of a log are told apart from duplicates that their producer made: those that are kept one by one, or all. With `all` every event is a row, at some 10,000 events a second; each record counts once in any case.',
      ),
    baseRetentionSeconds: z.coerce
      .number()
      .min(600)
      .default(6 * 3_600)
      .describe('How long windows shorter than a minute are kept before they are rolled up to minutes.'),
    minuteRetentionSeconds: z.coerce
      .number()
      .min(6 * 3_600)
      .default(7 * 86_400)
      .describe('How long windows from a minute to an hour are kept before they are rolled up to hours.'),
    windowRetentionSeconds: z.coerce
      .number()
      .min(60)
      .default(90 * 86_400)
      .describe('How long windows are kept at all, rolled up.'),
    inferenceServices: z
      .string()
      .default('')
      .transform((text, context) => {
        const map = parseServiceMap(text);
        if (typeof map !== 'string') return map;
        context.addIssue({ code: 'custom', message: map });
        return z.NEVER;
      })
      .describe(
        'Which model an inference service of KServe is: `namespace/name[/endpoint]=model`, comma separated. A service that is not listed is the model of its own name.',
      ),
    halfWaitSeconds: z.coerce
      .number()
      .min(1)
      .max(86_400)
      .default(120)
      .describe('How long a logged request or response waits for its other half.'),
    halfBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .default(64 * 1024 * 1024)
      .describe('Bytes of such halves kept a model; the oldest become dead letters first.'),
    cloudEventBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .default(64 * 1024 * 1024)
      .describe('Bytes of CloudEvents taken over HTTP that may wait to be durable; more are answered with 429.'),
    deadLetterRows: z.coerce.number().int().min(1).default(10_000).describe('Dead letters kept; the oldest go first.'),
    sweepSeconds: z.coerce.number().min(1).default(30).describe('How often what is too old is removed.'),
  }),
);
export type TelemetrySettings = SettingsOf<typeof telemetrySettings>;

const MEBIBYTE = 1024 * 1024;
const count = z.coerce.number().int();
const topicName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a name that Kafka takes: letters, digits, dots, dashes, underscores');

/** How telemetry uses the log; where the log is, is in the `kafka` settings. */
export const telemetryLogSettings = settingsGroup(
  'telemetry-log',
  z.object({
    groupId: z
      .string()
      .min(1)
      .max(200)
      .default('ratchet')
      .describe('Consumer group; the processes of one installation share it.'),
    inferenceTopic: topicName.default('ratchet.inference').describe('Native events: JSON or Protobuf.'),
    labelsTopic: topicName.default('ratchet.labels').describe('Native labels.'),
    cloudeventsTopic: topicName.default('ratchet.cloudevents').describe('CloudEvents, binary or structured.'),
    seldonTopics: z
      .string()
      .default('')
      .transform((text) =>
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      )
      .pipe(z.array(topicName))
      .describe('Topics of Seldon Core 2 that are read as well, comma separated; never created and never written.'),
    createTopics: z.stringbool().default(true).describe('Create the topics that are missing (not Seldon’s).'),
    partitions: count
      .min(1)
      .max(10_000)
      .default(4)
      .describe('Partitions of topics that are created: so many processes can share the work.'),
    replicas: count
      .min(0)
      .max(100)
      .default(0)
      .describe('Copies of topics that are created; 0 leaves it to the brokers.'),
    chunkRecords: count.min(1).max(100_000).default(10_000).describe('Most records written in one transaction.'),
    lingerMs: count
      .min(0)
      .max(10_000)
      .default(50)
      .describe('How long a few records wait for more before they are written.'),
    bufferRecords: count
      .min(1)
      .default(40_000)
      .describe('Records of a partition that wait in memory; then it is paused.'),
    bufferBytes: count
      .min(1024)
      .default(128 * MEBIBYTE)
      .describe('Bytes of all partitions that wait in memory; the same.'),
    fetchBytes: count
      .min(1024)
      .default(4 * MEBIBYTE)
      .describe(
        'Most bytes of one fetch, as they are on the log: compressed. One fetch is decoded in one go; if that took longer than the session, the process would lose its partitions over and over.',
      ),
    fetchWaitMs: count.min(10).max(60_000).default(250).describe('How long a broker may wait for something to fetch.'),
    sessionTimeoutMs: count
      .min(1000)
      .max(300_000)
      .default(10_000)
      .describe('After so long without a sign a process loses its partitions.'),
    produceEvents: count.min(1).max(100_000).default(1000).describe('Most events that are sent at once.'),
    produceBufferEvents: count
      .min(1)
      .default(20_000)
      .describe(
        'Events that wait to be sent while the brokers are away; answers on top are shed and counted, HTTP senders get 429.',
      ),
    produceBufferBytes: count
      .min(1024)
      .default(64 * MEBIBYTE)
      .describe('Bytes of the same.'),
    produceLingerMs: count
      .min(0)
      .max(10_000)
      .default(10)
      .describe('How long an event waits for others to be sent with.'),
  }),
);
export type TelemetryLogSettings = SettingsOf<typeof telemetryLogSettings>;
