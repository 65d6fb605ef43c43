import type { OutgoingRecord } from './ports.js';

/** Bytes of a record's key, value and headers; what a sender chooses freely counts all of it. */
export function recordBytes({ key, value, headers }: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = Buffer.byteLength(key) + value.length;
  for (const [name, text] of Object.entries(headers)) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}
