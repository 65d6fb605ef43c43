import type { Batch, IHeaders, KafkaMessage } from 'kafkajs';
import type { FetchedRecords, LogRecord } from '../../ports.js';

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** A kafkajs batch in our terms. Values stay views of what was received: nothing is copied. */
export function fetchedRecords(batch: Batch): FetchedRecords {
  const records: LogRecord[] = new Array<LogRecord>(batch.messages.length);
  let bytes = 0;
  for (let i = 0; i < batch.messages.length; i += 1) {
    const message = batch.messages[i]!;
    bytes += (message.key?.length ?? 0) + (message.value?.length ?? 0);
    records[i] = logRecord(message);
  }
  // What was asked for; the public types leave it out. Behind what we expect, it tells that kafkajs has started over.
  const { fetchedOffset } = batch as Batch & { readonly fetchedOffset: string };
  return {
    source: { topic: batch.topic, partition: batch.partition },
    from: Number(fetchedOffset),
    to: Number(batch.lastOffset()) + 1,
    records,
    bytes,
    end: Number(batch.highWatermark),
  };
}

function logRecord({ offset, key, value, headers, timestamp }: KafkaMessage): LogRecord {
  return { offset: Number(offset), key, value, headers: plainHeaders(headers), timestamp: Number(timestamp) };
}

/** Names in lower case; of a header that is there several times the first counts. */
function plainHeaders(headers: IHeaders | undefined): Readonly<Record<string, string>> {
  let result: Record<string, string> | null = null;
  for (const name in headers) {
    const value = headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined) continue;
    result ??= Object.create(null) as Record<string, string>;
    result[name.toLowerCase()] ??= first.toString();
  }
  return result ?? NO_HEADERS;
}
