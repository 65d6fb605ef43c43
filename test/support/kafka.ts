import kafkajs, { type Producer } from 'kafkajs';
import { type Broker, type BrokerOptions, startBroker } from '../../scripts/kafka/broker.mjs';
import { createKafka, kafkaSettings } from '../../src/platform/kafka/index.js';
import { parseSettings } from '../../src/platform/config/index.js';
import { describeWith } from './services.js';

/** Skips what needs a real broker where there is none; the reason is in the suite's name. */
export const describeWithKafka = describeWith('kafka');

/** A real broker; see scripts/kafka/broker.mjs. */
export function startTestBroker(options: BrokerOptions = {}): Promise<Broker> {
  return startBroker({ partitions: 2, ...options });
}

/** Writes what a sender outside of Ratchet writes. */
export async function openProducer(brokers: string): Promise<Producer> {
  const kafka = createKafka(parseSettings([kafkaSettings], { RATCHET_KAFKA_BROKERS: brokers }).of(kafkaSettings));
  if (kafka === null) throw new TypeError('There is a broker.');
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return producer;
}
