import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { AuditEntry } from '../../kernel/index.js';

/** An entry with its place in the chain. */
export interface ChainedEntry extends AuditEntry {
  /** 1, 2, … without a gap. */
  readonly seq: number;
  readonly at: Date;
  readonly prevHash: Buffer;
  readonly hash: Buffer;
}

/** What the first entry follows. */
export const GENESIS = Buffer.alloc(32);

/** SHA-256 of the hash before and the RFC 8785 canonical JSON of everything in the row but the hashes. */
export function entryHash(prevHash: Buffer, entry: Omit<ChainedEntry, 'prevHash' | 'hash'>): Buffer {
  const { seq, at, actor, role, action, subject, reason, detail } = entry;
  const row = canonicalize({ seq, at: at.toISOString(), actor, role, action, subject, reason, detail });
  if (row === undefined) throw new TypeError('An audit entry must survive JSON.');
  return createHash('sha256').update(prevHash).update(row, 'utf8').digest();
}

/** What a walk along the chain found. */
export type ChainVerdict =
  | { readonly intact: true; readonly entries: number; readonly head: string }
  | { readonly intact: false; readonly seq: number; readonly reason: string };

/** Where the walk is: the last entry that was right. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: Buffer;
}

export const CHAIN_START: ChainPosition = { seq: 0, hash: GENESIS };

/** The position after `entry`, or why the chain is broken there. */
export function follow(
  position: ChainPosition,
  entry: ChainedEntry,
): ChainPosition | (ChainVerdict & { intact: false }) {
  const seq = position.seq + 1;
  if (entry.seq !== seq) return { intact: false, seq, reason: `entry ${seq} is missing` };
  if (!entry.prevHash.equals(position.hash)) {
    return { intact: false, seq, reason: `entry ${seq} does not follow the entry before it` };
  }
  if (!entryHash(entry.prevHash, entry).equals(entry.hash)) {
    return { intact: false, seq, reason: `entry ${seq} was changed after it was written` };
  }
  return { seq, hash: entry.hash };
}

/** The same value as JSON and Postgres keep it: no undefined, no NUL, no half characters. */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('utf8').replaceAll('\u0000', '\ufffd');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storable(key), storable(inner)]));
}
