import { Global, Module } from '@nestjs/common';
import { createKafka } from './create-client.js';
import { kafkaSettings } from './settings.js';

/** Token of the client, a `Kafka`; null when no brokers are configured. */
export const KAFKA_CLIENT = Symbol('kafka-client');

/** The one client of the process. It connects when something is made of it. */
@Global()
@Module({
  providers: [{ provide: KAFKA_CLIENT, inject: [kafkaSettings.token], useFactory: createKafka }],
  exports: [KAFKA_CLIENT],
})
export class KafkaModule {}
