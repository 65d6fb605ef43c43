import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ROLES, type Role } from '../../kernel/index.js';

/** What a token's text says: which row to look at, and what to compare. */
export interface PresentedToken {
  readonly id: string;
  readonly secret: string;
}

const TOKEN = /^rt_([0-9a-f]{12})_([A-Za-z0-9-]{43})$/;

/** A fresh token; its text is shown once and only the secret's hash is kept. 256 random bits need no slow hash. */
export function newToken(): PresentedToken & { readonly text: string; readonly hash: Buffer } {
  const id = randomBytes(6).toString('hex');
  // `_` separates the parts of the text, so the secret may not have one.
  const secret = randomBytes(32).toString('base64url').replaceAll('_', '-');
  return { id, secret, text: `rt_${id}_${secret}`, hash: sha256(secret) };
}

/** The parts of a token's text, or null when it is none. */
export function parseToken(text: string): PresentedToken | null {
  const match = TOKEN.exec(text);
  return match?.[1] !== undefined && match[2] !== undefined ? { id: match[1], secret: match[2] } : null;
}

/** Compares in constant time; the hashes have one length whatever was presented. */
export function secretMatches(secret: string, hash: Buffer): boolean {
  const presented = sha256(secret);
  return hash.length === presented.length && timingSafeEqual(presented, hash);
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** True when a role includes what another one may do. */
export function covers(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
