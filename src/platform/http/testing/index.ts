import type { Actor, Role } from '../../../kernel/index.js';
import { type ApiToken, TokenStore } from '../token-store.js';

/** Tokens in memory: the text is the id, so that a test can say `Bearer viewer-token`. */
export class FakeTokenStore extends TokenStore {
  private readonly tokens = new Map<string, ApiToken>();

  override async any(): Promise<boolean> {
    return this.tokens.size > 0;
  }

  override async list(): Promise<ApiToken[]> {
    return [...this.tokens.values()];
  }

  override async create(token: {
    name: string;
    role: Role;
    expiresAt: Date | null;
  }): Promise<ApiToken & { text: string }> {
    const id = `${token.name}-token`;
    const stored = { ...token, id, createdAt: new Date(0), lastUsedAt: null, revokedAt: null };
    this.tokens.set(id, stored);
    return { ...stored, text: id };
  }

  override async revoke(id: string): Promise<ApiToken> {
    const revoked = { ...(this.tokens.get(id) as ApiToken), revokedAt: new Date(0) };
    this.tokens.set(id, revoked);
    return revoked;
  }

  override async authenticate(text: string): Promise<Actor | null> {
    const token = this.tokens.get(text);
    return token === undefined || token.revokedAt !== null ? null : { name: token.name, role: token.role };
  }
}
