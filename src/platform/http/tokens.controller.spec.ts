import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Actor, Role } from '../../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork, RecordingAuditLog } from '../../kernel/testing/index.js';
import { parseSettings } from '../config/index.js';
import { FirstTokenNotAdmin } from './errors.js';
import { httpSettings } from './settings.js';
import { FakeTokenStore } from './testing/index.js';
import { TokensController } from './tokens.controller.js';

describe('the first API token', () => {
  const actor: Actor = { name: 'loopback', role: 'admin' };
  const expiresAt = '2099-01-01T00:00:00Z';
  let tokens: FakeTokenStore;

  beforeEach(() => {
    tokens = new FakeTokenStore();
  });

  function controller(env: Record<string, string> = {}): TokensController {
    const settings = parseSettings([httpSettings], env).of(httpSettings);
    return new TokensController(tokens, new RecordingAuditLog(), new ImmediateUnitOfWork(), new FakeClock(), settings);
  }

  it.each<[Role, { expiresAt?: string }]>([
    ['viewer', {}],
    ['operator', {}],
    ['approver', {}],
    ['admin', { expiresAt }],
  ])('is not one for %s %j, which would lock everybody out', async (role, more) => {
    await expect(controller().create({ name: 'ann', role, ...more }, actor)).rejects.toThrow(FirstTokenNotAdmin);
    expect(await tokens.any()).toBe(false);
  });

  it('is a lasting admin token; the next may be for any role', async () => {
    await controller().create({ name: 'ann', role: 'admin' }, actor);
    await controller().create({ name: 'bob', role: 'viewer', expiresAt }, actor);
    expect(await tokens.list()).toHaveLength(2);
  });

  it('may be for any role when the bootstrap token gets back in', async () => {
    const secret = 'bootstrap-secret-of-32-characters';
    await controller({ RATCHET_HTTP_BOOTSTRAP_TOKEN: secret }).create({ name: 'bob', role: 'viewer' }, actor);
    expect(await tokens.list()).toHaveLength(1);
  });
});
