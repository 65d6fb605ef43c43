import { z } from 'zod';
import { settingsGroup, type SettingsOf } from '../config/index.js';

const ADDRESS = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;

/** `host:port` texts, comma separated. */
const brokerList = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .refine((brokers) => brokers.length > 0 && brokers.every((broker) => ADDRESS.test(broker)), {
    error: 'must be host:port, several of them separated by commas',
  });

type Given = Readonly<Partial<Record<string, unknown>>>;

/** Which settings need each other or exclude each other: setting at fault, what is wrong with it. */
function contradictions(given: Given): readonly (readonly [string, string])[] {
  const has = (name: string): boolean => given[name] !== undefined;
  const login = given['saslMechanism'] !== undefined;
  const rules: readonly (readonly [boolean, string, string])[] = [
    [
      given['tls'] === false && ['tlsCaFile', 'tlsCertFile', 'tlsKeyFile'].some(has),
      'tls',
      'must be true when a TLS file is given',
    ],
    [has('tlsCertFile') && !has('tlsKeyFile'), 'tlsKeyFile', 'must be given with a certificate'],
    [has('tlsKeyFile') && !has('tlsCertFile'), 'tlsCertFile', 'must be given with a key'],
    [has('password') && has('passwordFile'), 'passwordFile', 'excludes a password in the environment'],
    [
      !login && ['username', 'password', 'passwordFile'].some(has),
      'saslMechanism',
      'must be given with a user or a password',
    ],
    [login && !has('username'), 'username', 'must be given to log in'],
    [login && !has('password') && !has('passwordFile'), 'passwordFile', 'or a password must be given to log in'],
  ];
  return rules.filter(([broken]) => broken).map(([, path, message]) => [path, message]);
}

export const kafkaSettings = settingsGroup(
  'kafka',
  z
    .object({
      brokers: brokerList
        .optional()
        .describe(
          'Kafka 3.5 or newer: `host:port`, several separated by commas; `KAFKA_BROKERS` means the same. Unset: telemetry is taken in process and over HTTP only.',
        ),
      clientId: z.string().min(1).max(200).default('ratchet').describe('Name of this program in the brokers’ logs.'),
      tls: z.stringbool().default(false).describe('Talk TLS to the brokers; certificates are always verified.'),
      tlsCaFile: z
        .string()
        .optional()
        .describe('PEM file of the authority that signed the brokers’ certificates. Unset: the usual public ones.'),
      tlsCertFile: z.string().optional().describe('PEM file of this client’s certificate, where brokers ask for one.'),
      tlsKeyFile: z.string().optional().describe('PEM file of its key.'),
      saslMechanism: z
        .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
        .optional()
        .describe('How to log in. Unset: no login.'),
      username: z.string().min(1).optional().describe('Who logs in.'),
      password: z.string().min(1).optional().describe('Its password; a file keeps it out of the environment.'),
      passwordFile: z.string().optional().describe('File with the password; a line break at its end does not count.'),
      connectTimeoutMs: z.coerce.number().int().min(100).default(3000).describe('Longest wait for a connection.'),
      requestTimeoutMs: z.coerce
        .number()
        .int()
        .min(1000)
        .default(15_000)
        .describe('Longest wait for the answer to one request.'),
    })
    .superRefine((settings, context) => {
      for (const [path, message] of contradictions(settings))
        context.addIssue({ code: 'custom', path: [path], message });
    }),
);
export type KafkaSettings = SettingsOf<typeof kafkaSettings>;
