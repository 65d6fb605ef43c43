import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import kafkajs, { type KafkaConfig, type SASLOptions } from 'kafkajs';
import { KafkaMisconfigured } from './errors.js';
import { kafkaLogCreator } from './kafka-log.js';
import { quietenTimers } from './quieten-timers.js';
import type { KafkaSettings } from './settings.js';
import { socketsOfWholeResponses } from './whole-responses.js';
import { registerZstd } from './zstd.js';

export type Kafka = InstanceType<typeof kafkajs.Kafka>;

/** Retries of one operation inside the client; whoever calls has his own, longer, ones. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 2000, retries: 5 };

/** How an operation is tried again inside the client; it holds for its connections too, which give up on their own. */
export interface Retry {
  readonly initialRetryTime: number;
  readonly maxRetryTime: number;
  readonly retries: number;
}

/** Tries for some minutes: a broker that is restarted is back long before. */
export const PATIENT: Retry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 300 };

/**
 * The client of the configured brokers; not connected yet. Null when none are configured.
 * @throws KafkaMisconfigured when a file cannot be read
 */
export function createKafka(settings: KafkaSettings, retry: Retry = RETRY): Kafka | null {
  const { brokers } = settings;
  if (brokers === undefined) return null;
  quietenTimers();
  registerZstd();
  return new kafkajs.Kafka(clientConfig({ ...settings, brokers }, retry));
}

/** What kafkajs is made with. */
export function clientConfig(
  settings: KafkaSettings & { readonly brokers: readonly string[] },
  retry: Retry = RETRY,
): KafkaConfig {
  const sasl = saslOf(settings);
  return {
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    connectionTimeout: settings.connectTimeoutMs,
    authenticationTimeout: settings.requestTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { ...retry },
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkaLogCreator,
    socketFactory: socketsOfWholeResponses,
    ...(settings.tls ? { ssl: tlsOf(settings) } : {}),
    ...(sasl === null ? {} : { sasl }),
  };
}

function tlsOf({ tlsCaFile, tlsCertFile, tlsKeyFile }: KafkaSettings): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    ...(tlsCaFile === undefined ? {} : { ca: [read('tlsCaFile', tlsCaFile)] }),
    ...(tlsCertFile === undefined ? {} : { cert: read('tlsCertFile', tlsCertFile) }),
    ...(tlsKeyFile === undefined ? {} : { key: read('tlsKeyFile', tlsKeyFile) }),
  };
}

function saslOf({ saslMechanism, username = '', password, passwordFile }: KafkaSettings): SASLOptions | null {
  if (saslMechanism === undefined) return null;
  const secret = password ?? read('passwordFile', passwordFile ?? '').replace(/\r?\n$/, '');
  if (secret === '') throw new KafkaMisconfigured('the password file is empty.');
  return { mechanism: saslMechanism, username, password: secret };
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new KafkaMisconfigured(`${setting} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`, {
      cause: error,
    });
  }
}
