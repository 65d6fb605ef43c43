/** One field of a protobuf message: a varint or fixed number, or the bytes of a length-delimited value. */
export type Field =
  | { readonly number: number; readonly wire: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly wire: 'fixed'; readonly bytes: Uint8Array }
  | { readonly number: number; readonly wire: 'bytes'; readonly bytes: Uint8Array };

/** Thrown when bytes are no protobuf message: cut off, or an encoding that does not exist. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/**
 * The fields of one message in order, without copying. Written here because the admission check needs some thirty lines
 * of protobuf and must stay in control of every length that a file claims.
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const [key, afterKey] = varint(message, at);
    const number = Number(key >> 3n);
    if (number < 1 || number > 536_870_911) throw new MalformedMessage(`there is no field number ${number}`);
    at = afterKey;
    switch (Number(key & 7n)) {
      case 0: {
        const [value, next] = varint(message, at);
        at = next;
        yield { number, wire: 'varint', value };
        break;
      }
      case 1:
        yield { number, wire: 'fixed', bytes: slice(message, at, 8n) };
        at += 8;
        break;
      case 2: {
        const [length, next] = varint(message, at);
        yield { number, wire: 'bytes', bytes: slice(message, next, length) };
        at = next + Number(length);
        break;
      }
      case 5:
        yield { number, wire: 'fixed', bytes: slice(message, at, 4n) };
        at += 4;
        break;
      default:
        throw new MalformedMessage(`field ${number} has an encoding that does not exist`);
    }
  }
}

/** The numbers of a repeated integer field, packed or not. */
export function integersOf(field: Field): bigint[] {
  if (field.wire === 'varint') return [field.value];
  const values: bigint[] = [];
  for (let at = 0; at < field.bytes.length;) {
    const [value, next] = varint(field.bytes, at);
    values.push(BigInt.asIntN(64, value));
    at = next;
  }
  return values;
}

function varint(bytes: Uint8Array, start: number): [value: bigint, next: number] {
  let value = 0n;
  for (let at = start; at < start + 10; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw new MalformedMessage('it ends in the middle of a number');
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return [value, at + 1];
  }
  throw new MalformedMessage('a number has more than ten bytes');
}

function slice(bytes: Uint8Array, at: number, length: bigint): Uint8Array {
  const left = bytes.length - at;
  if (length > BigInt(Math.max(left, 0))) {
    throw new MalformedMessage(`it is cut off: ${length} bytes are announced and ${Math.max(left, 0)} are left`);
  }
  return bytes.subarray(at, at + Number(length));
}
