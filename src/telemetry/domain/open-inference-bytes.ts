import type { Tensor } from './event.js';

/** Datatypes of the Open Inference Protocol, version 2, with the bytes of one element; 0 = of varying length. */
export const DATATYPES: Readonly<Record<string, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

/** True for a name of `DATATYPES`, and for nothing that an object has by itself. */
export function isDatatype(name: unknown): name is string {
  return typeof name === 'string' && Object.hasOwn(DATATYPES, name);
}

const utf8 = new TextDecoder();

/**
 * Elements of the binary tensor extension: little-endian, tightly packed; BYTES elements have a 4-byte length in front.
 * Returns them, or what is wrong. Never throws; reads no further than `count` elements.
 */
export function readBinary(datatype: string, bytes: Uint8Array, count: number): Tensor['values'] | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (datatype === 'BYTES') return readTexts(view, bytes, count);
  const size = DATATYPES[datatype] ?? 0;
  if (bytes.length !== count * size)
    return `has ${bytes.length} bytes; ${count} of ${datatype} are ${count * size} bytes`;
  const read = READERS[datatype];
  if (read === undefined) return `has the datatype ${datatype}, which is not known`;
  const values = datatype === 'FP32' ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i += 1) values[i] = read(view, i * size);
  return values;
}

const READERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  BOOL: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  UINT8: (view, at) => view.getUint8(at),
  UINT16: (view, at) => view.getUint16(at, true),
  UINT32: (view, at) => view.getUint32(at, true),
  UINT64: (view, at) => Number(view.getBigUint64(at, true)),
  INT8: (view, at) => view.getInt8(at),
  INT16: (view, at) => view.getInt16(at, true),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => Number(view.getBigInt64(at, true)),
  FP16: (view, at) => halfPrecision(view.getUint16(at, true)),
  BF16: (view, at) => brainPrecision(view.getUint16(at, true)),
  FP32: (view, at) => view.getFloat32(at, true),
  FP64: (view, at) => view.getFloat64(at, true),
};

/** IEEE 754 binary16: 1 sign bit, 5 of exponent with bias 15, 10 of fraction. */
export function halfPrecision(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a 32-bit float. */
function brainPrecision(bits: number): number {
  scratch.setUint32(0, bits * 0x1_0000);
  return scratch.getFloat32(0);
}

function readTexts(view: DataView, bytes: Uint8Array, count: number): readonly string[] | string {
  const texts: string[] = [];
  let at = 0;
  while (texts.length < count) {
    if (at + 4 > bytes.length) return `ends after ${texts.length} of ${count} texts`;
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.length) return `ends inside text ${texts.length}`;
    texts.push(utf8.decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return at === bytes.length ? texts : `has ${bytes.length - at} bytes behind its ${count} texts`;
}
