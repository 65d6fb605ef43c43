import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NotFound } from '../../kernel/index.js';
import { FakeClock } from '../../kernel/testing/index.js';
import { platformHttpPersistence } from '../audit/index.js';
import { openTestDatabase, type TestDatabase } from '../postgres/testing/index.js';
import { PostgresTokenStore } from './adapters/postgres/token-store.js';
import { LastAdminToken, TokensUnavailable } from './errors.js';

describe('the token store', () => {
  let test: TestDatabase;
  let store: PostgresTokenStore;
  const clock = new FakeClock();

  beforeAll(async () => {
    test = await openTestDatabase([platformHttpPersistence]);
    store = new PostgresTokenStore(test.db, clock);
  });
  afterAll(() => test.close());

  it('knows whom a token stands for until it is revoked or expires', async () => {
    expect(await store.any()).toBe(false);
    const ann = await store.create({ name: 'ann', role: 'admin', expiresAt: null });
    const bob = await store.create({
      name: 'bob',
      role: 'viewer',
      expiresAt: new Date(clock.now().getTime() + 60_000),
    });
    expect(await store.any()).toBe(true);
    expect(ann.text).toMatch(/^rt_[0-9a-f]{12}_[A-Za-z0-9-]{43}$/);
    expect(await store.authenticate(ann.text)).toEqual({ name: 'ann', role: 'admin' });
    expect(await store.authenticate(bob.text)).toEqual({ name: 'bob', role: 'viewer' });
    expect((await store.list()).find((token) => token.id === ann.id)?.lastUsedAt).toEqual(clock.now());

    clock.advance(60_000);
    expect(await store.authenticate(bob.text)).toBeNull();
    expect(await store.authenticate(ann.text)).not.toBeNull();
    await store.revoke(ann.id, false);
    expect(await store.authenticate(ann.text)).toBeNull();
    expect(await store.any()).toBe(true);
  });

  it.each(['', 'rt_', 'rt_abc_def', `rt_${'0'.repeat(12)}_${'A'.repeat(43)}`, `rt_' OR 1=1--_${'A'.repeat(43)}`])(
    'knows nobody by "%s"',
    async (text) => {
      expect(await store.authenticate(text)).toBeNull();
    },
  );

  it('keeps no secret', async () => {
    const token = await store.create({ name: 'carl', role: 'viewer', expiresAt: null });
    const secret = token.text.split('_')[2] as string;
    const rows = await test.db.query<{ row: string }>('SELECT api_token::text AS row FROM platform.api_token');
    expect(rows.some(({ row }) => row.includes(secret))).toBe(false);
    const wrong = token.text.slice(0, -1) + (token.text.endsWith('A') ? 'B' : 'A');
    expect(await store.authenticate(wrong)).toBeNull();
  });

  it('does not revoke the last admin token', async () => {
    const first = await store.create({ name: 'dora', role: 'admin', expiresAt: null });
    const second = await store.create({ name: 'emil', role: 'admin', expiresAt: null });
    await store.revoke(first.id, true);
    await expect(store.revoke(second.id, true)).rejects.toThrow(LastAdminToken);
    await expect(store.revoke('none', true)).rejects.toThrow(NotFound);
    expect((await store.revoke(second.id, false)).revokedAt).toEqual(clock.now());
  });

  it('knows whom it knew lately while the database is away, but nobody else, and nobody who was revoked', async () => {
    const [flo, gus, unseen] = await Promise.all(
      ['flo', 'gus', 'hal'].map((name) => store.create({ name, role: 'viewer', expiresAt: null })),
    );
    await store.authenticate(flo!.text);
    await store.authenticate(gus!.text);
    await store.revoke(gus!.id, false);
    const query = jest.spyOn(test.db, 'query').mockRejectedValue(new Error('connect ECONNREFUSED'));
    try {
      clock.advance(60_000);
      expect(await store.authenticate(flo!.text)).toEqual({ name: 'flo', role: 'viewer' });
      const wrong = flo!.text.slice(0, -1) + (flo!.text.endsWith('A') ? 'B' : 'A');
      expect(await store.authenticate(wrong)).toBeNull();
      expect(await store.authenticate(gus!.text)).toBeNull();
      await expect(store.authenticate(unseen!.text)).rejects.toThrow(TokensUnavailable);
      clock.advance(600_000);
      await expect(store.authenticate(flo!.text)).rejects.toThrow(TokensUnavailable);
    } finally {
      query.mockRestore();
    }
    expect(await store.authenticate(unseen!.text)).toEqual({ name: 'hal', role: 'viewer' });
  });
});
