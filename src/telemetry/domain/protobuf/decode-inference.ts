import type { Digest } from '../../../kernel/index.js';
import { isPlainText, MAX_LATENCY_MS, MAX_OUTPUT_NUMBERS, MAX_OUTPUT_TEXT } from '../decode-event.js';
import { MAX_INPUT, rowFromBytes } from '../decode-input.js';
import { type BadReason, bad, type Output } from '../event.js';
import { type EventRow, MAX_FEATURES, MODEL_ORDER } from '../event-row.js';
import type { RecordFrame } from './decode-record.js';
import { digest, plainText, Remembered } from './remembered.js';
import { BYTES, FIXED32, FIXED64, VARINT, WireFault, WireReader } from './wire-reader.js';

const MOST_MS = 253_402_300_800_000;
const reader = new WireReader();
const models = new Remembered((wire, length) => plainText(wire, length, 'model'));
const versions = new Remembered(digest);
const inner = new WireReader();
/** Whether the event that is being read lets its input be kept. */
const current = { keepsInput: true };

/** A call, because the compiler takes what was assigned above for what still holds. */
function isWithheld(): boolean {
  return !current.keepsInput;
}

/** Reads part `part` of a frame, an inference, into `row`; returns what is wrong with it, if something is. Never throws. */
export function readInference(frame: RecordFrame, part: number, row: EventRow): BadReason | null {
  try {
    row.clear();
    row.requestId = '';
    row.at = -1;
    row.model = frame.model ?? '';
    current.keepsInput = true;
    let version: Digest | null = frame.version;
    reader.open(frame.bytes, frame.froms[part] as number, frame.tos[part] as number);
    while (!reader.ended) {
      const tag = reader.varint();
      if (tag === bytesTag(2)) version = versions.next(reader, reader.length());
      else readField(tag, row);
    }
    if (version === null) throw new WireFault('version is missing');
    row.version = version;
    if (isWithheld()) row.input = null;
    check(row, frame);
    return null;
  } catch (fault) {
    if (fault instanceof WireFault) return bad('field', fault.message).bad;
    throw fault;
  }
}

function readField(tag: number, row: EventRow): void {
  switch (tag) {
    case bytesTag(3):
      row.requestId = requestId();
      return;
    case (4 << 3) | VARINT:
      row.at = reader.varint();
      return;
    case (5 << 3) | FIXED64:
      row.latencyMs = within(reader.double(), 'latency_ms', 0, MAX_LATENCY_MS);
      return;
    case bytesTag(6):
      readDoubles(row);
      return;
    case (8 << 3) | FIXED64:
      row.prediction = within(reader.double(), 'prediction', -Number.MAX_VALUE, Number.MAX_VALUE);
      return;
    case (9 << 3) | FIXED64:
      row.confidence = within(reader.double(), 'confidence', 0, 1);
      return;
    default:
      readRareField(tag, row);
  }
}

function readRareField(tag: number, row: EventRow): void {
  switch (tag) {
    case bytesTag(1):
      row.model = models.next(reader, reader.length());
      return;
    case (6 << 3) | FIXED64:
      addValue(row, reader.double());
      return;
    case bytesTag(7):
      readFloats(row);
      return;
    case (7 << 3) | FIXED32:
      addValue(row, reader.float());
      return;
    case bytesTag(10):
      row.error = errorText(row);
      return;
    case (11 << 3) | VARINT:
      row.arm = reader.varint() === 1 ? 'candidate' : 'stable';
      return;
    case bytesTag(12):
      readShadow(row);
      return;
    case bytesTag(13):
      row.input = inputRow();
      return;
    case bytesTag(14):
      row.output = outputOf(reader, reader.length());
      return;
    case (15 << 3) | VARINT:
      current.keepsInput = reader.varint() !== 0;
      return;
    default:
      reader.pass(tag & 7);
  }
}

function check(row: EventRow, frame: RecordFrame): void {
  checkAnswer(row);
  if (row.requestId === '') throw new WireFault('request_id is missing');
  if (row.model === '') throw new WireFault('model is missing');
  if (row.at < 0) throw new WireFault('at_ms is missing');
  if (row.at >= MOST_MS) throw new WireFault('at_ms must be milliseconds since 1970');
  if (row.count === 0) return;
  row.names = frame.names;
  row.featureSet = frame.featureSet;
  if (frame.names !== MODEL_ORDER && row.count !== frame.names.length) {
    throw new WireFault(`there are ${row.count} features and ${frame.names.length} names`);
  }
}

function checkAnswer({ prediction, output, error }: EventRow): void {
  const isAnswered = !Number.isNaN(prediction) || output !== null;
  if (error === null && !isAnswered) throw new WireFault('prediction is missing, and there is no error');
  if (error !== null && isAnswered) throw new WireFault('prediction and error exclude each other');
}

/** ASCII is read here: calling out for every event costs more than the whole rest of it. */
function requestId(): string {
  const length = reader.length();
  if (length > 0 && length <= 64) {
    const { bytes, at } = reader;
    let text = '';
    for (let i = at; i < at + length; i += 1) {
      const byte = bytes[i] as number;
      if (byte === 0 || byte > 127) return plainText(reader, length, 'request_id');
      text += CHARACTERS[byte] as string;
    }
    reader.skip(length);
    return text;
  }
  return plainText(reader, length, 'request_id');
}
const CHARACTERS = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

function readDoubles(row: EventRow): void {
  const length = reader.length();
  const end = reader.at + length;
  if (length % 8 !== 0 || length / 8 + row.count > MAX_FEATURES) {
    throw new WireFault(`features must be at most ${MAX_FEATURES} doubles`);
  }
  while (reader.at < end) addValue(row, reader.double());
}

function readFloats(row: EventRow): void {
  const length = reader.length();
  const end = reader.at + length;
  if (length % 4 !== 0 || length / 4 + row.count > MAX_FEATURES) {
    throw new WireFault(`features_f32 must be at most ${MAX_FEATURES} floats`);
  }
  while (reader.at < end) addValue(row, reader.float());
}

function addValue(row: EventRow, value: number): void {
  if (!Number.isFinite(value)) throw new WireFault(`feature ${row.count} must be a finite number`);
  if (row.count >= MAX_FEATURES) throw new WireFault(`has more than ${MAX_FEATURES} features`);
  row.values[row.count] = value;
  row.count += 1;
}

/** An empty text is no error: Protobuf does not tell it from an absent one. */
function errorText(row: EventRow): string | null {
  const length = reader.length();
  return length === 0 ? row.error : plainText(reader, length, 'error');
}

function inputRow(): Float32Array | null {
  const length = reader.length();
  if (length === 0) return null;
  const from = reader.skip(length);
  const input = rowFromBytes(reader.bytes.subarray(from, from + length));
  if (input === null || input.length > MAX_INPUT)
    throw new WireFault(`input must hold 1 to ${MAX_INPUT} 32-bit floats`);
  if (!input.every((value) => Number.isFinite(value))) throw new WireFault('input must hold finite numbers');
  return input;
}

function readShadow(row: EventRow): void {
  const length = reader.length();
  const end = reader.at + length;
  let version: Digest | null = null;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === bytesTag(1)) version = digest(reader, reader.length());
    else if (tag === ((2 << 3) | FIXED64)) {
      row.shadowPrediction = within(reader.double(), 'shadow.prediction', -Number.MAX_VALUE, Number.MAX_VALUE);
    } else if (tag === bytesTag(3)) row.shadowOutput = outputOf(reader, reader.length());
    else reader.pass(tag & 7);
  }
  if (reader.at !== end) throw new WireFault('shadow ends in the middle of a field');
  if (version === null) throw new WireFault('shadow.version is missing');
  row.shadowVersion = version;
}

function outputOf(outer: WireReader, length: number): Output {
  const from = outer.skip(length);
  inner.open(outer.bytes, from, from + length);
  let output: Output | null = null;
  while (!inner.ended) {
    const tag = inner.varint();
    if (tag === bytesTag(1)) output = seriesOf(inner.length());
    else if (tag === bytesTag(2)) {
      const text = inner.text(inner.length());
      if (text !== '' && !isPlainText(text, MAX_OUTPUT_TEXT)) {
        throw new WireFault(`output must be a text of at most ${MAX_OUTPUT_TEXT} characters without NUL`);
      }
      output = text;
    } else inner.pass(tag & 7);
  }
  if (output === null) throw new WireFault('output must be a series or a text');
  return output;
}

function seriesOf(length: number): number[] {
  const end = inner.at + length;
  const values: number[] = [];
  while (inner.at < end && values.length <= MAX_OUTPUT_NUMBERS) {
    const tag = inner.varint();
    if (tag === ((1 << 3) | FIXED64)) values.push(inner.double());
    else if (tag === bytesTag(1)) addDoubles(values);
    else inner.pass(tag & 7);
  }
  if (values.length === 0 || values.length > MAX_OUTPUT_NUMBERS || !values.every(Number.isFinite)) {
    throw new WireFault(`output must have 1 to ${MAX_OUTPUT_NUMBERS} finite numbers`);
  }
  if (inner.at !== end) throw new WireFault('output ends in the middle of a field');
  return values;
}

function addDoubles(values: number[]): void {
  const bytes = inner.length();
  if (bytes % 8 !== 0 || bytes / 8 > MAX_OUTPUT_NUMBERS) throw new WireFault('output must be doubles');
  for (let left = bytes / 8; left > 0; left -= 1) values.push(inner.double());
}

function within(value: number, name: string, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new WireFault(`${name} must be a number between ${least} and ${most}`);
}

function bytesTag(field: number): number {
  return (field << 3) | BYTES;
}
