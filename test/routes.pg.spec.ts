import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../src/app/configuration.js';
import { createApp } from '../src/app/create-app.js';
import { PERSISTENCE } from '../src/app/stages.js';
import { type DeclaredRoute, listRoutes } from '../src/platform/http/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';

/** What anyone may call; a route that joins them has to be written down here. */
const PUBLIC = ['GET /livez', 'GET /metrics', 'GET /readyz'];

/** Least role of what may change what serves; see the roles in the security notes of platform/http. */
const AT_LEAST: Readonly<Record<string, DeclaredRoute['access']>> = {
  'POST /api/v1/promotions/:id/approve': 'approver',
  'POST /api/v1/promotions/:id/reject': 'approver',
  'POST /api/v1/rollouts/:id/abort': 'operator',
  'POST /api/v1/tokens': 'admin',
  'DELETE /api/v1/tokens/:id': 'admin',
  'GET /api/v1/tokens': 'admin',
};

describe('the routes of the whole program', () => {
  let test: TestDatabase;
  let app: NestFastifyApplication;
  let routes: readonly DeclaredRoute[];

  beforeAll(async () => {
    test = await openTestDatabase(PERSISTENCE);
    app = await createApp(readConfiguration({ RATCHET_LOG_LEVEL: 'silent' }), test.db);
    routes = listRoutes(app);
  });
  afterAll(async () => {
    await app.close();
    await test.close();
  });

  const name = ({ method, path }: DeclaredRoute) => `${method} ${path}`;

  it('all declare who may call them', () => {
    expect(routes.length).toBeGreaterThan(40);
    expect(routes.filter((route) => route.access === null)).toEqual([]);
  });

  it('are public only where it is written down', () => {
    const open = routes.filter((route) => route.access === 'public').map(name);
    expect(open.filter((route) => !PUBLIC.includes(route) && !route.includes(' /v2/'))).toEqual([]);
  });

  it('need more than a viewer wherever something changes', () => {
    const changing = routes.filter((route) => route.method !== 'GET' && route.path.startsWith('/api/'));
    expect(changing.filter((route) => route.access === 'viewer').map(name)).toEqual([]);
  });

  it.each(Object.entries(AT_LEAST))('%s needs the role %s', (route, role) => {
    const generic = (path: string) => path.replace(/:\w+/g, ':id');
    const found = routes.find((each) => generic(name(each)) === route);
    expect(found?.access).toBe(role);
  });
});
