import { Inject, Injectable } from '@nestjs/common';
import { readCloudEvent } from '../../domain/cloud-event.js';
import { type Decoded, type TelemetryEvent, bad } from '../../domain/event.js';
import type { ServiceMap } from '../../domain/kserve.js';
import { ForeignDecoder, type LogFormat, type LogRecord } from '../../ports.js';
import { telemetrySettings, type TelemetrySettings } from '../../settings.js';
import { decodeSeldon } from '../seldon/decode-seldon.js';
import { readRecord } from './record.js';

/** CloudEvents (ours and KServe's) and Seldon's topics. */
@Injectable()
export class ProtocolDecoder extends ForeignDecoder {
  private readonly services: ServiceMap;

  constructor(@Inject(telemetrySettings.token) { inferenceServices }: Pick<TelemetrySettings, 'inferenceServices'>) {
    super();
    this.services = inferenceServices;
  }

  override decode(record: LogRecord, format: Exclude<LogFormat, 'native'>, topic: string): Decoded<TelemetryEvent> {
    try {
      return format === 'seldon'
        ? decodeSeldon(record, topic, this.services)
        : decodeCloudEventRecord(record, this.services);
    } catch {
      // A defect of ours: the record is kept, and its partition goes on.
      return bad('field', 'cannot be read');
    }
  }
}

/** An event in a record (CloudEvents, Kafka protocol binding). Total and pure: never throws. */
export function decodeCloudEventRecord(record: LogRecord, services: ServiceMap): Decoded<TelemetryEvent> {
  const envelope = readRecord(record);
  if ('bad' in envelope) return envelope;
  const receivedAt = new Date(record.timestamp);
  if (Number.isNaN(receivedAt.getTime())) return bad('field', 'the record has no time');
  return readCloudEvent(envelope.ok, receivedAt, services);
}
