import { RatchetError } from '../../../kernel/index.js';

/** Thrown when a range lies outside the file, or is of a kind that is not understood. */
export class UnusableRange extends RatchetError {
  readonly code = 'invalid';
  constructor(range: string, sizeBytes: number) {
    super(
      `The range "${range}" cannot be given; the file has ${sizeBytes} bytes and one "bytes=N-" or "bytes=N-M" is understood.`,
      {
        range,
        sizeBytes,
      },
    );
  }
}

/** First and last byte (inclusive) of a `Range` header; null for none, which asks for the whole file. @throws UnusableRange */
export function rangeOf(
  header: string | undefined,
  sizeBytes: number,
): { readonly start: number; readonly end: number } | null {
  if (header === undefined) return null;
  const [, first, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header) ?? [];
  if (first === undefined) throw new UnusableRange(header, sizeBytes);
  const start = Number(first);
  const end = last === '' || last === undefined ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (start >= sizeBytes || end < start) throw new UnusableRange(header, sizeBytes);
  return { start, end };
}
