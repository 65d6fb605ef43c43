import { createHash, randomBytes } from 'node:crypto';

const TOKEN = /^ra_[A-Za-z0-9_-]{43}$/;

/** A fresh token of 256 random bits; only its hash is kept, and so many bits need no slow one. */
export function newAttemptToken(): { readonly text: string; readonly hash: Buffer } {
  const text = `ra_${randomBytes(32).toString('base64url')}`;
  return { text, hash: sha256(text) };
}

/** What a presented token would be kept as; null for what is none. */
export function hashOfToken(text: string): Buffer | null {
  return TOKEN.test(text) ? sha256(text) : null;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
