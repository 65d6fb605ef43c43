import type { ChainedEntry, ChainVerdict } from './chain.js';

/** An entry as people read it. */
export type AuditRecord = Omit<ChainedEntry, 'prevHash' | 'hash'> & { readonly hash: string };

/** Reads the log; writing is `AuditLog` and nothing else. */
export abstract class AuditReader {
  /** Newest first; `before` is the sequence number to go on from. */
  abstract page(query: {
    readonly limit: number;
    readonly before: number | null;
    readonly subject: string | null;
    readonly actor: string | null;
  }): Promise<AuditRecord[]>;
  /** Walks the whole chain and says where it is broken first. */
  abstract verify(): Promise<ChainVerdict>;
}
