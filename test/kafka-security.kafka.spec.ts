import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Broker } from '../scripts/kafka/broker.mjs';
import { parseSettings } from '../src/platform/config/index.js';
import {
  createKafka,
  KafkaRefused,
  kafkaSettings,
  KafkaUnreachable,
  requireTopics,
  TopicsMissing,
} from '../src/platform/kafka/index.js';
import { setLogLevel } from '../src/platform/observability/index.js';
import { describeWithKafka, startTestBroker } from './support/kafka.js';

const LIMIT_MS = 120_000;
const RULES = { mayCreate: true, partitions: 2, replicas: 0 };

describeWithKafka('a broker that wants TLS and a login', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-kafka-tls-'));
  const authority = join(folder, 'authority.pem');
  let broker: Broker;

  beforeAll(async () => {
    setLogLevel('silent');
    const store = join(folder, 'broker.p12');
    const common = ['-keystore', store, '-storepass', 'changeit', '-alias', 'broker'];
    keytool(
      '-genkeypair',
      ...common,
      '-keyalg',
      'EC',
      '-dname',
      'CN=broker',
      '-ext',
      'SAN=ip:127.0.0.1',
      '-validity',
      '2',
    );
    writeFileSync(authority, keytool('-exportcert', '-rfc', ...common));
    writeFileSync(join(folder, 'password'), 'right word\n');
    broker = await startTestBroker({
      security: {
        tls: { store, password: 'changeit', authority: readFileSync(authority, 'utf8') },
        sasl: { mechanism: 'scram-sha-256', username: 'ratchet', password: 'right word' },
      },
    });
  }, LIMIT_MS);
  afterAll(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  const use = async (change: Readonly<Record<string, string>>, topics = ['a'], rules = RULES): Promise<void> => {
    const settings = parseSettings([kafkaSettings], {
      RATCHET_KAFKA_BROKERS: broker.brokers,
      RATCHET_KAFKA_TLS: 'true',
      RATCHET_KAFKA_TLS_CA_FILE: authority,
      RATCHET_KAFKA_SASL_MECHANISM: 'scram-sha-256',
      RATCHET_KAFKA_USERNAME: 'ratchet',
      RATCHET_KAFKA_PASSWORD_FILE: join(folder, 'password'),
      ...change,
    }).of(kafkaSettings);
    await requireTopics(createKafka(settings)!, [broker.brokers], topics, rules);
  };

  it(
    'is used with the right ones, and topics are created once',
    async () => {
      await use({});
      await use({});
    },
    LIMIT_MS,
  );

  it(
    'refuses a wrong password, and no error tells it',
    async () => {
      const wrong = { RATCHET_KAFKA_PASSWORD_FILE: '', RATCHET_KAFKA_PASSWORD: 'wrong word' };
      const error = await use(wrong).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(KafkaRefused);
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('wrong word');
    },
    LIMIT_MS,
  );

  it(
    'is not trusted without its authority',
    async () => {
      await expect(use({ RATCHET_KAFKA_TLS_CA_FILE: '' })).rejects.toBeInstanceOf(KafkaRefused);
    },
    LIMIT_MS,
  );

  it(
    'ends the start with the topics’ names when they are missing and may not be created',
    async () => {
      const error = await use({}, ['a', 'b.missing'], { ...RULES, mayCreate: false }).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TopicsMissing);
      expect(String(error)).toContain('b.missing');
    },
    LIMIT_MS,
  );

  it(
    'is said to be unreachable when nobody listens',
    async () => {
      const settings = parseSettings([kafkaSettings], { RATCHET_KAFKA_BROKERS: '127.0.0.1:1' }).of(kafkaSettings);
      await expect(requireTopics(createKafka(settings)!, ['127.0.0.1:1'], ['a'], RULES)).rejects.toBeInstanceOf(
        KafkaUnreachable,
      );
    },
    LIMIT_MS,
  );
});

function keytool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('keytool', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`keytool: ${stdout} ${stderr}`);
  return stdout;
}
