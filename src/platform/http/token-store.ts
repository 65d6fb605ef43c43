import type { Actor, Role } from '../../kernel/index.js';

/** What is known of a token; never its secret. */
export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

/** The API tokens. */
export abstract class TokenStore {
  /** True once any token was ever created: revoking or outliving the last one must not open the API to this machine. */
  abstract any(): Promise<boolean>;
  /** Newest first, revoked ones included. */
  abstract list(): Promise<ApiToken[]>;
  /** Creates one and returns its text, which cannot be had again. */
  abstract create(token: { name: string; role: Role; expiresAt: Date | null }): Promise<ApiToken & { text: string }>;
  /** Idempotent. @throws NotFound @throws LastAdminToken when nobody could create tokens any more */
  abstract revoke(id: string, keepAnAdmin: boolean): Promise<ApiToken>;
  /** Who presents this text, or null when it is unknown, revoked or expired. */
  abstract authenticate(text: string): Promise<Actor | null>;
}
