/** Makes ids and digests; a port because domain code must stay deterministic. */
export abstract class Ids {
  /** A fresh, time-ordered unique id (UUID version 7). */
  abstract next(): string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `sha256:<64 hex digits>`; the name of an artifact by its content. */
export type Digest = `sha256:${string}`;

/** True for a well-formed digest. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The first 12 hex digits, for people. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
