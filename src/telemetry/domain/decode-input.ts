/** Largest raw input row: 262,144 numbers fill the largest encoded event in base64. */
export const MAX_INPUT = 262_144;

/**
 * A raw input row: an array of finite numbers, or base64 of little-endian 32-bit floats. Returns the row, null when
 * there is none, or what is wrong. Never throws.
 */
export function decodeInput(value: unknown): Float32Array | null | string {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return fromBase64(value);
  if (!Array.isArray(value)) return 'input must be an array of numbers or base64 of 32-bit floats';
  if (value.length === 0 || value.length > MAX_INPUT) return `input must have 1 to ${MAX_INPUT} numbers`;
  const row = new Float32Array(value.length);
  for (let i = 0; i < value.length; i += 1) {
    const number: unknown = value[i];
    if (typeof number !== 'number') return `input[${i}] must be a finite number`;
    row[i] = number;
  }
  return allFinite(row);
}

/** Little-endian bytes to numbers; null when the length does not fit. */
export function rowFromBytes(bytes: Uint8Array): Float32Array | null {
  if (bytes.length === 0 || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** Numbers to little-endian bytes, on every machine. */
export function rowToBytes(row: Float32Array): Uint8Array {
  const bytes = new Uint8Array(row.length * 4);
  const view = new DataView(bytes.buffer);
  row.forEach((number, i) => {
    view.setFloat32(i * 4, number, true);
  });
  return bytes;
}

function fromBase64(text: string): Float32Array | string {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return 'input is not base64';
  }
  const row = rowFromBytes(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  if (row === null || row.length > MAX_INPUT) return `input must hold 1 to ${MAX_INPUT} 32-bit floats`;
  return allFinite(row);
}

function allFinite(row: Float32Array): Float32Array | string {
  const at = row.findIndex((number) => !Number.isFinite(number));
  return at === -1 ? row : `input[${at}] must be a finite 32-bit number`;
}
