import type { Digest } from '../../../kernel/index.js';
import { ByteWriter } from '../bytes.js';
import { type BadReason, bad } from '../event.js';
import { MAX_EVENT_BYTES } from '../decode-event.js';
import { MAX_FEATURES, MODEL_ORDER } from '../event-row.js';
import { NameTable } from '../name-table.js';
import { bytesOfDigest, digest, plainText, Remembered } from './remembered.js';
import { BYTES, FIXED32, sameBytes, WireFault, WireReader } from './wire-reader.js';

/** Most events of one record. */
const MAX_EVENTS = 4_096;
const nameTable = new NameTable();
const NO_NAMES: readonly string[] = [];

/** Whether a native value is Protobuf: its sender says so, or it does not begin as JSON does. */
export function isProtobuf(value: Uint8Array, contentType: string | undefined): boolean {
  if (contentType !== undefined) {
    if (contentType.includes('protobuf')) return true;
    if (contentType.includes('json')) return false;
  }
  const first = value[0];
  if (first === undefined || first === 0x7b || first === 0x5b) return false;
  return first !== 0x20 && first !== 0x09 && first !== 0x0a && first !== 0x0d;
}

/** The kinds of parts of a record, as their field numbers. */
export const INFERENCE = 2;
export const LABEL = 3;
export const SERVED = 4;

/**
 * The outermost message of a record: where its parts are, and what they have in common. One object is used for all
 * records; `read` overwrites it.
 */
export class RecordFrame {
  bytes: Uint8Array = new Uint8Array();
  /** Number of parts; of part `i` the kind is `kinds[i]` and its message is `[froms[i], tos[i])`. */
  count = 0;
  readonly kinds: number[] = [];
  readonly froms: number[] = [];
  readonly tos: number[] = [];
  model: string | null = null;
  version: Digest | null = null;
  names: readonly string[] = NO_NAMES;
  featureSet = 0;
  private readonly reader = new WireReader();
  private readonly models = new Remembered((reader, length) => plainText(reader, length, 'model'));
  private readonly versions = new Remembered(digest);
  private lastNameBytes = new Uint8Array();
  private lastNames: readonly string[] = NO_NAMES;

  /** Reads a record's frame; returns what is wrong with it, if something is. Never throws. */
  read(bytes: Uint8Array): BadReason | null {
    if (bytes.length > MAX_EVENT_BYTES) {
      return bad('too-large', `has ${bytes.length} bytes; at most ${MAX_EVENT_BYTES} are taken`).bad;
    }
    this.bytes = bytes;
    this.count = 0;
    this.model = null;
    this.version = null;
    this.names = NO_NAMES;
    this.featureSet = 0;
    try {
      this.reader.open(bytes, 0, bytes.length);
      while (!this.reader.ended) this.field();
    } catch (fault) {
      if (!(fault instanceof WireFault)) throw fault;
      return bad('schema', `is no Protobuf record: ${fault.message}`).bad;
    }
    return this.count === 0 ? bad('schema', 'is a Protobuf record without an event').bad : null;
  }

  /** A record of part `i` alone, for a dead letter that can be fed in again. */
  single(part: number): Uint8Array {
    if (this.count === 1) return this.bytes;
    writer.clear();
    if (this.model !== null) writeField(6, utf8.encode(this.model));
    if (this.version !== null) writeField(7, bytesOfDigest(this.version));
    if (this.names === MODEL_ORDER) {
      writer.number((9 << 3) | FIXED32);
      writer.fixed32(this.featureSet);
    } else for (const name of this.names) writeField(8, utf8.encode(name));
    writeField(this.kinds[part] ?? INFERENCE, this.bytes.subarray(this.froms[part], this.tos[part]));
    return writer.done();
  }

  private field(): void {
    const { reader } = this;
    const from = reader.at;
    const tag = reader.varint();
    if (tag === tagOf(INFERENCE) || tag === tagOf(LABEL) || tag === tagOf(SERVED)) this.part(tag >>> 3);
    else if (tag === tagOf(6)) this.model = this.models.next(reader, reader.length());
    else if (tag === tagOf(7)) this.version = this.versions.next(reader, reader.length());
    else if (tag === tagOf(8)) this.featureNames(from);
    else if (tag === ((9 << 3) | FIXED32)) {
      this.featureSet = reader.fixed32();
      if (this.names.length === 0) this.names = MODEL_ORDER;
    } else reader.pass(tag & 7);
  }

  private part(kind: number): void {
    if (this.count >= MAX_EVENTS) throw new WireFault(`has more than ${MAX_EVENTS} events`);
    const length = this.reader.length();
    const from = this.reader.skip(length);
    this.kinds[this.count] = kind;
    this.froms[this.count] = from;
    this.tos[this.count] = from + length;
    this.count += 1;
  }

  /** Names, one after the other as encoders write them; the same bytes as last time need not be read. */
  private featureNames(from: number): void {
    const { reader, bytes } = this;
    const last = this.lastNameBytes;
    if (
      last.length > 0 &&
      this.isNameless() &&
      sameBytes(bytes, from, from + last.length, last) &&
      !this.isName(from + last.length)
    ) {
      reader.at = from + last.length;
      this.names = this.lastNames;
      return;
    }
    const names = this.isNameless() ? [] : [...this.names];
    reader.at = from;
    do {
      reader.varint();
      const name = plainText(reader, reader.length(), 'a feature name');
      if (name === '__proto__') throw new WireFault('a feature has a name that cannot be used');
      names.push(name);
      if (names.length > MAX_FEATURES) throw new WireFault(`has more than ${MAX_FEATURES} feature names`);
    } while (this.isName(reader.at));
    this.names = nameTable.of(names);
    this.lastNames = this.names;
    this.lastNameBytes = bytes.slice(from, reader.at);
  }

  private isNameless(): boolean {
    return this.names.length === 0 || this.names === MODEL_ORDER;
  }

  private isName(at: number): boolean {
    return this.bytes[at] === tagOf(8);
  }
}

const apart = new RecordFrame();

/** One event of a record as a record of its own. */
export function singleOf(record: Uint8Array, part: number): Uint8Array {
  if (apart.bytes !== record && apart.read(record) !== null) return record;
  return apart.single(part);
}

const writer = new ByteWriter();
const utf8 = new TextEncoder();

function writeField(field: number, bytes: Uint8Array): void {
  writer.number(tagOf(field));
  writer.number(bytes.length);
  writer.raw(bytes);
}

/** Tag of a field that has a length. */
function tagOf(field: number): number {
  return (field << 3) | BYTES;
}
