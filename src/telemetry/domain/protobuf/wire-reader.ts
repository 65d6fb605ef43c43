/** Carries a fault of the bytes out of the readers; never leaves this folder. */
export class WireFault extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Wire types of Protobuf. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/**
 * Reads Protobuf's wire format from part of a byte array, without copying. One reader is used again and again. Every method
 * throws a WireFault when the bytes end too early or make no sense.
 */
export class WireReader {
  bytes: Uint8Array = new Uint8Array();
  at = 0;
  private end = 0;
  private view: DataView = new DataView(new ArrayBuffer(0));
  /** Place of `bytes` in their buffer. */
  private base = 0;

  /** Begins to read `[from, to)` of `bytes`. */
  open(bytes: Uint8Array, from: number, to: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      // Records of one fetch share a buffer, and making a view of each costs more than reading it.
      if (this.view.buffer !== bytes.buffer) this.view = new DataView(bytes.buffer);
      this.base = bytes.byteOffset;
    }
    this.at = from;
    this.end = to;
  }

  get ended(): boolean {
    return this.at >= this.end;
  }

  /** A whole number; above 2^53 it is not exact. */
  varint(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let scale = 128, i = 0; i < 9; i += 1, scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new WireFault('a number is too long');
  }

  /** Length of what follows, which is all there. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.at) throw new WireFault('ends too early');
    return length;
  }

  double(): number {
    const from = this.skip(8);
    return this.view.getFloat64(this.base + from, true);
  }

  float(): number {
    const from = this.skip(4);
    return this.view.getFloat32(this.base + from, true);
  }

  fixed32(): number {
    const from = this.skip(4);
    return this.view.getUint32(this.base + from, true);
  }

  /** The next `length` bytes as a text. */
  text(length: number): string {
    const from = this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(from, from + length));
    } catch {
      throw new WireFault('a text is not UTF-8');
    }
  }

  /** Passes over a field whose number nobody knows. */
  pass(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === FIXED64) this.skip(8);
    else if (wireType === BYTES) this.skip(this.length());
    else if (wireType === FIXED32) this.skip(4);
    else throw new WireFault(`wire type ${wireType} is not used`);
  }

  /** Passes over `length` bytes and says where they began. */
  skip(length: number): number {
    const from = this.at;
    if (length > this.end - from) throw new WireFault('ends too early');
    this.at = from + length;
    return from;
  }

  private byte(): number {
    if (this.at >= this.end) throw new WireFault('ends too early');
    return this.bytes[this.at++] as number;
  }
}

/** Whether `[from, to)` of `bytes` equals all of `other`. */
export function sameBytes(bytes: Uint8Array, from: number, to: number, other: Uint8Array): boolean {
  if (to - from !== other.length) return false;
  for (let i = 0; i < other.length; i += 1) if (bytes[from + i] !== other[i]) return false;
  return true;
}
