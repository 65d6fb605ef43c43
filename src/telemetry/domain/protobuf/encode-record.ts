import { ByteWriter } from '../bytes.js';
import { rowToBytes } from '../decode-input.js';
import type { InferenceEvent, LabelEvent, Output, ServedEvent, Shadow } from '../event.js';
import { stableHash } from '../stable-hash.js';
import { bytesOfDigest } from './remembered.js';
import { BYTES, FIXED32, FIXED64, VARINT } from './wire-reader.js';

/** Header by which a record in this form says what it is. */
export const PROTOBUF_CONTENT_TYPE = 'application/x-protobuf';

export type RecordEvent = InferenceEvent | LabelEvent | ServedEvent;

/**
 * Encodes events as one record, in the order of their kinds. What the inferences have in common (model, version, names of
 * features) is written once.
 *
 * @param documentFeatures names of the model document's features: their values are written without names then
 * @throws RangeError when the inferences have other features than the first one
 */
export function encodeRecord(
  events: readonly RecordEvent[],
  documentFeatures?: readonly string[],
): Uint8Array<ArrayBuffer> {
  const record = new Message();
  const first = events.find((event) => event.kind === 'inference');
  const names = first === undefined ? [] : (documentFeatures ?? Object.keys(first.features));
  if (first !== undefined) {
    record.text(6, first.model);
    record.bytes(7, bytesOfDigest(first.version));
    if (documentFeatures !== undefined) record.fixed32(9, stableHash(documentFeatures.join('\0')));
    else for (const name of names) record.text(8, name);
  }
  for (const event of events) {
    if (event.kind === 'inference') record.bytes(2, inference(event, names, first));
    else if (event.kind === 'label') record.bytes(3, label(event));
    else record.bytes(4, served(event));
  }
  return record.done();
}

/** A message that is being written; a field of its default value is left out by whoever calls. */
class Message {
  private readonly writer = new ByteWriter(256);

  text(field: number, value: string): void {
    this.writer.number((field << 3) | BYTES);
    this.writer.text(value);
  }

  bytes(field: number, value: Uint8Array): void {
    this.writer.number((field << 3) | BYTES);
    this.writer.number(value.length);
    this.writer.raw(value);
  }

  double(field: number, value: number): void {
    this.writer.number((field << 3) | FIXED64);
    this.writer.double(value);
  }

  doubles(field: number, values: readonly number[]): void {
    this.writer.number((field << 3) | BYTES);
    this.writer.number(values.length * 8);
    for (const value of values) this.writer.double(value);
  }

  fixed32(field: number, value: number): void {
    this.writer.number((field << 3) | FIXED32);
    this.writer.fixed32(value);
  }

  number(field: number, value: number): void {
    this.writer.number((field << 3) | VARINT);
    this.writer.number(value);
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.writer.done();
  }
}

function inference(
  event: InferenceEvent,
  names: readonly string[],
  common: InferenceEvent | undefined,
): Uint8Array<ArrayBuffer> {
  const message = new Message();
  if (event.model !== common?.model) message.text(1, event.model);
  if (event.version !== common?.version) message.bytes(2, bytesOfDigest(event.version));
  message.text(3, event.requestId);
  message.number(4, event.at.getTime());
  if (event.latencyMs !== null) message.double(5, event.latencyMs);
  const values = valuesOf(event, names);
  if (values.length > 0) message.doubles(6, values);
  if (event.prediction !== null) message.double(8, event.prediction);
  if (event.confidence !== null) message.double(9, event.confidence);
  if (event.error !== null) message.text(10, event.error);
  if (event.arm === 'candidate') message.number(11, 1);
  addLarge(message, event);
  return message.done();
}

function addLarge(message: Message, { shadow: other, input, output: said }: InferenceEvent): void {
  if (other !== null) message.bytes(12, shadow(other));
  if (input !== null) message.bytes(13, rowToBytes(input));
  if (said !== null) message.bytes(14, output(said));
}

/** No values at all are as good as all of them. */
function valuesOf({ features, requestId }: InferenceEvent, names: readonly string[]): number[] {
  const given = Object.keys(features).length;
  if (given === 0) return [];
  const values = names.map((name) => features[name]);
  if (given !== names.length || values.includes(undefined)) {
    throw new RangeError(`The features of request "${requestId}" are not those of the record.`);
  }
  return values as number[];
}

function shadow({ version, prediction, output: said }: Shadow): Uint8Array<ArrayBuffer> {
  const message = new Message();
  message.bytes(1, bytesOfDigest(version));
  if (prediction !== null) message.double(2, prediction);
  if (said !== null) message.bytes(3, output(said));
  return message.done();
}

function output(value: Output): Uint8Array<ArrayBuffer> {
  const message = new Message();
  if (typeof value === 'string') message.text(2, value);
  else {
    const series = new Message();
    series.doubles(1, value);
    message.bytes(1, series.done());
  }
  return message.done();
}

function label({ model, requestId, label: value }: LabelEvent): Uint8Array<ArrayBuffer> {
  const message = new Message();
  message.text(1, model);
  message.text(2, requestId);
  message.double(3, value);
  return message.done();
}

function served({ model, version, at, seconds, requests, source }: ServedEvent): Uint8Array<ArrayBuffer> {
  const message = new Message();
  message.text(1, model);
  message.bytes(2, bytesOfDigest(version));
  message.number(3, at.getTime());
  message.double(4, seconds);
  message.number(5, requests);
  message.text(6, source);
  return message.done();
}
