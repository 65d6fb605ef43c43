import { describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { Kafka } from '../../../platform/kafka/index.js';
import { IntakeUnavailable, TooLargeForLog } from '../../domain/errors.js';
import { KafkaAppender } from './kafka-appender.js';

/** What kafkajs makes of a broker's answer. */
function answered(type: string, retriable: boolean): Error {
  const answer = Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable });
  return Object.assign(new kafkajs.KafkaJSNonRetriableError(answer), { cause: answer });
}

function appenderOf(error: Error) {
  const made: { disconnected: boolean }[] = [];
  const producer = () => {
    const one = { disconnected: false };
    made.push(one);
    return {
      connect: () => Promise.resolve(),
      sendBatch: () => Promise.reject(error),
      disconnect: () => {
        one.disconnected = true;
        return Promise.resolve();
      },
    };
  };
  return { made, appender: new KafkaAppender({ producer } as unknown as Kafka) };
}
const RECORDS = [{ topic: 't', key: 'k', value: new Uint8Array(7), headers: { ce_id: 'one' } }];

describe('KafkaAppender', () => {
  it.each(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])('says that %s is final for these records', async (type) => {
    const { made, appender } = appenderOf(answered(type, false));
    const failure = await appender.append(RECORDS).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TooLargeForLog);
    expect(failure).toMatchObject({ retryable: false, data: { records: 1, bytes: 16 } });
    expect(made).toEqual([{ disconnected: true }]);
  });

  it('takes every other failure for one that time may heal, under a new producer', async () => {
    const { made, appender } = appenderOf(answered('NOT_ENOUGH_REPLICAS', true));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(appender.append(RECORDS)).rejects.toBeInstanceOf(IntakeUnavailable);
    }
    expect(made).toEqual([{ disconnected: true }, { disconnected: true }]);
  });
});
