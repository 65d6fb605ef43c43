/** A CloudEvent (version 1.0) after its envelope was checked. */
export interface CloudEnvelope {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** As it came; null when the sender does not say. */
  readonly time: string | null;
  /** Milliseconds since 1970 with their fraction; null when the sender does not say. */
  readonly timeMs: number | null;
  readonly contentType: string | null;
  /** `Inference-Header-Content-Length` of a body with binary tensors, where it was passed on. */
  readonly inferenceHeaderLength: string | null;
  /** Extension attributes, as texts. */
  readonly extensions: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

const RFC_3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,12})?(Z|[+-]\d\d:\d\d)$/i;

/** Milliseconds since 1970 of an RFC 3339 time, with the fraction that a `Date` would cut off; null when it is none. */
export function timeMs(text: string): number | null {
  const [, seconds, fraction = '', zone] = RFC_3339.exec(text) ?? [];
  if (seconds === undefined || zone === undefined) return null;
  const whole = Date.parse(`${seconds}${zone.toUpperCase()}`);
  // A year before 1970 or a day that does not exist.
  if (!Number.isFinite(whole) || whole < 0) return null;
  return whole + (fraction === '' ? 0 : Number(`0${fraction}`) * 1000);
}
