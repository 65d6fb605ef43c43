import type { Digest } from '../../../kernel/index.js';
import { isPlainText } from '../decode-event.js';
import { sameBytes, WireFault, type WireReader } from './wire-reader.js';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** What bytes say, remembered as long as the same bytes come: most events say the same as the one before. */
export class Remembered<T> {
  private bytes: Uint8Array = new Uint8Array();
  private value: T | null = null;

  constructor(private readonly read: (reader: WireReader, length: number) => T) {}

  /** What the next `length` bytes say. */
  next(reader: WireReader, length: number): T {
    const from = reader.at;
    if (this.value !== null && sameBytes(reader.bytes, from, from + length, this.bytes)) {
      reader.skip(length);
      return this.value;
    }
    this.value = this.read(reader, length);
    this.bytes = reader.bytes.slice(from, from + length);
    return this.value;
  }
}

/** A bounded text of the kind that every part of the system can carry. */
export function plainText(reader: WireReader, length: number, name: string): string {
  const text = reader.text(length);
  if (!isPlainText(text)) throw new WireFault(`${name} must be a text of 1 to 256 characters without NUL`);
  return text;
}

/** The digest that 32 bytes are. */
export function digest(reader: WireReader, length: number): Digest {
  if (length !== 32) throw new WireFault('version must have the 32 bytes of a sha256');
  let hex = '';
  const from = reader.skip(length);
  for (let i = 0; i < length; i += 1) hex += HEX[reader.bytes[from + i] as number] as string;
  return `sha256:${hex}`;
}

/** The 32 bytes of a digest. */
export function bytesOfDigest(version: Digest): Uint8Array {
  const hex = version.slice('sha256:'.length);
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}
