import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { InvalidInput } from '../../kernel/index.js';
import { parseSettings } from '../config/index.js';
import { clientConfig, createKafka } from './create-client.js';
import { KafkaMisconfigured, KafkaRefused, KafkaUnreachable } from './errors.js';
import { explainKafka } from './explain.js';
import { kafkaSettings, type KafkaSettings } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'ratchet-kafka-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const read = (env: Record<string, string>): KafkaSettings =>
  parseSettings(
    [kafkaSettings],
    Object.fromEntries(Object.entries(env).map(([name, value]) => [`RATCHET_KAFKA_${name}`, value])),
  ).of(kafkaSettings);
const faults = (env: Record<string, string>): string[] => {
  try {
    read({ BROKERS: 'a:1', ...env });
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.faults.map(({ path }) => path.replace('RATCHET_KAFKA_', '')).sort();
    throw error;
  }
};
const config = (env: Record<string, string>) => clientConfig({ ...read(env), brokers: ['a:1'] });
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('the settings of Kafka', () => {
  it('are optional: without brokers there is no client', () => {
    expect(createKafka(read({}))).toBeNull();
  });

  it.each([
    ['kafka-1:9092', ['kafka-1:9092']],
    [' a.example:1 , b_c:22,[::1]:9092 ', ['a.example:1', 'b_c:22', '[::1]:9092']],
  ])('take the brokers %j', (text, brokers) => {
    expect(read({ BROKERS: text }).brokers).toEqual(brokers);
  });

  it.each([
    [{ BROKERS: 'nowhere' }, ['BROKERS']],
    [{ BROKERS: 'http://a:1' }, ['BROKERS']],
    [{ BROKERS: ',' }, ['BROKERS']],
    [{ TLS_CA_FILE: 'x' }, ['TLS']],
    [{ TLS: 'true', TLS_CERT_FILE: 'x' }, ['TLS_KEY_FILE']],
    [{ TLS: 'true', TLS_KEY_FILE: 'x' }, ['TLS_CERT_FILE']],
    [{ SASL_MECHANISM: 'plain' }, ['PASSWORD_FILE', 'USERNAME']],
    [{ SASL_MECHANISM: 'gssapi' }, ['SASL_MECHANISM']],
    [{ USERNAME: 'me', PASSWORD: 'x' }, ['SASL_MECHANISM']],
    [{ SASL_MECHANISM: 'plain', USERNAME: 'me', PASSWORD: 'x', PASSWORD_FILE: 'y' }, ['PASSWORD_FILE']],
  ])('are refused when they contradict each other: %j', (env, expected) => {
    expect(faults(env as Record<string, string>)).toEqual(expected);
  });

  it('become what the client is made with', () => {
    const made = config({
      BROKERS: 'a:1',
      TLS: 'true',
      TLS_CA_FILE: file('ca.pem', 'the authority'),
      TLS_CERT_FILE: file('cert.pem', 'the certificate'),
      TLS_KEY_FILE: file('key.pem', 'the key'),
      SASL_MECHANISM: 'scram-sha-512',
      USERNAME: 'me',
      PASSWORD_FILE: file('password', 'secret word\n'),
    });
    expect(made.ssl).toEqual({
      rejectUnauthorized: true,
      ca: ['the authority'],
      cert: 'the certificate',
      key: 'the key',
    });
    expect(made.sasl).toEqual({ mechanism: 'scram-sha-512', username: 'me', password: 'secret word' });
    expect(config({ BROKERS: 'a:1' }).ssl).toBeUndefined();
  });

  it('that name a file which cannot be used end the start, without a secret in the error', () => {
    const login = { BROKERS: 'a:1', SASL_MECHANISM: 'plain', USERNAME: 'me' };
    expect(() => config({ ...login, PASSWORD_FILE: join(folder, 'nothing') })).toThrow(KafkaMisconfigured);
    expect(() => config({ ...login, PASSWORD_FILE: file('empty', '\n') })).toThrow(/password file is empty/);
    expect(() => config({ BROKERS: 'a:1', TLS: 'true', TLS_CA_FILE: join(folder, 'no-ca') })).toThrow(/tlsCaFile/);
  });
});

describe('an error of the client', () => {
  const wrapped = (inner: Error): Error => new Error('gave up', { cause: new Error('in between', { cause: inner }) });
  it.each([
    [wrapped(new Error('connect ECONNREFUSED 127.0.0.1:1')), KafkaUnreachable],
    [new Error('Connection timeout'), KafkaUnreachable],
    [wrapped(new Error('SASL PLAIN authentication failed')), KafkaRefused],
    [wrapped(new Error('self-signed certificate in certificate chain')), KafkaRefused],
    [Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' }), KafkaRefused],
    ['not even an error', KafkaUnreachable],
  ])('%s is explained', (error, kind) => {
    expect(explainKafka(error, ['a:1'])).toBeInstanceOf(kind);
  });
});
