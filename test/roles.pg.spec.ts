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
    ['ingest', []],
    ['gateway', ['data plane']],
    ['control', ['rollouts']],
    ['control,gateway', ['rollouts', 'data plane']],
    ['all', ['rollouts', 'data plane']],
  ])('with the roles %s is alive and offers %j', async (roles, expected) => {
    const app = await createApp(readConfiguration({ ...environment, RATCHET_ROLES: roles }), database.db);
    try {
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      const offered = [];
      if (await isRoute(`${url}/api/v1/models/nobody/rollouts`, 'GET')) offered.push('rollouts');
      if (await isRoute(`${url}/v2/models/nobody/infer`, 'POST')) offered.push('data plane');
      expect(offered).toEqual(expected);
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

/** "No such model" and "no such route" are both a 404: what tells them apart is the text. */
async function isRoute(url: string, method: string): Promise<boolean> {
  const answer = await fetch(url, { method, ...(method === 'POST' ? { body: '{}' } : {}) });
  return !(await answer.text()).includes(`Cannot ${method}`);
}
