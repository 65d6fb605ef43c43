import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../src/app/configuration.js';
import { createApp } from '../src/app/create-app.js';
import { PERSISTENCE } from '../src/app/stages.js';
import { InvalidInput } from '../src/kernel/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(PERSISTENCE);
});
afterAll(() => database.close());

const environment = { RATCHET_LOG_LEVEL: 'silent', RATCHET_HTTP_DOCS: 'false' };

describe('a process', () => {
  it.each([
    ['ingest', 200, 404, 404],
    ['gateway', 200, 404, 400],
    ['control', 200, 200, 404],
    ['control,gateway', 200, 200, 400],
    ['all', 200, 200, 400],
  ])('with the roles %s is alive and offers what belongs to them', async (roles, health, rollouts, infer) => {
    const app = await createApp(readConfiguration({ ...environment, RATCHET_ROLES: roles }), database.db);
    try {
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      const status = async (path: string, init?: RequestInit): Promise<number> =>
        (await fetch(url + path, init)).status;
      expect(await status('/livez')).toBe(health);
      expect(await status('/api/v1/rollouts')).toBe(rollouts);
      const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[]' };
      // No such model, or no such route: what tells them apart is the body.
      const answer = await fetch(`${url}/v2/models/nobody/infer`, post);
      const { detail = '' } = (await answer.json()) as { detail?: string };
      expect(detail.includes('Cannot POST')).toBe(infer === 404);
    } finally {
      await app.close();
    }
  });

  it.each(['', ' all ', 'ingest, gateway,control', 'all,ingest'])('has every role when it is set to %j', (roles) => {
    const settings = readConfiguration({ ...environment, RATCHET_ROLES: roles });
    const group = settings.groups.find(({ name }) => name === 'process')!;
    expect([...(settings.of(group)['roles'] as string[])].sort()).toEqual(['control', 'gateway', 'ingest']);
  });

  it('does not start with a role that there is not', () => {
    expect(() => readConfiguration({ ...environment, RATCHET_ROLES: 'ingest,guardian' })).toThrow(InvalidInput);
  });
});
