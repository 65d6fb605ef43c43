import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../src/app/configuration.js';
import { createApp } from '../src/app/create-app.js';
import { PERSISTENCE } from '../src/app/stages.js';
import { AttemptExchange } from '../src/jobs/index.js';
import { attemptOf } from '../src/jobs/domain/job.js';
import { documentAbout } from '../src/jobs/testing/attempts.js';
import { type DeclaredRoute, listRoutes } from '../src/platform/http/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const MINE = attemptOf('digits-t1-job', 1);
const ANOTHERS = attemptOf('digits-t2-job', 1);

/** A runner's token is in a pod that runs other people's models: it must open the routes of its attempt and no other. */
describe('the token of an attempt', () => {
  let test: TestDatabase;
  let app: NestFastifyApplication;
  let token: string;
  let routes: readonly DeclaredRoute[];

  beforeAll(async () => {
    test = await openTestDatabase(PERSISTENCE);
    // Without API tokens this machine is admin; a token that is presented must be good all the same.
    app = await createApp(readConfiguration({ RATCHET_LOG_LEVEL: 'silent', RATCHET_HTTP_DOCS: 'false' }), test.db);
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    const exchange = app.get(AttemptExchange, { strict: false });
    const document = documentAbout({ reference: DIGEST, champion: DIGEST, train: DIGEST });
    ({ token } = await exchange.open(MINE, document));
    await exchange.open(ANOTHERS, document);
    routes = listRoutes(app);
  });
  afterAll(async () => {
    await app.close();
    await test.close();
  });

  const call = async ({ method, path }: DeclaredRoute, attempt: string) => {
    const url = path
      .replaceAll(':attempt', attempt)
      .replaceAll(':digest', DIGEST)
      .replaceAll(/:\w+/g, 'x')
      .replaceAll('*', 'x');
    const answer = await app.inject({
      method: method as 'GET',
      url,
      headers: { authorization: `Bearer ${token}` },
      ...(method === 'GET' || method === 'DELETE' ? {} : { payload: {} }),
    });
    return answer.statusCode;
  };

  it('opens none of the routes that have a role', async () => {
    const guarded = routes.filter(({ access }) => access !== 'public' && access !== 'credential');
    expect(guarded.length).toBeGreaterThan(40);
    const opened: string[] = [];
    for (const route of guarded) {
      const status = await call(route, MINE.name);
      if (status !== 401 && status !== 403) opened.push(`${route.method} ${route.path}: ${status}`);
    }
    expect(opened).toEqual([]);
  });

  it("opens none of another attempt's routes, and all of its own", async () => {
    const own = routes.filter(({ access }) => access === 'credential');
    expect(own.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/v1/attempts/:attempt/document',
      'POST /api/v1/attempts/:attempt/end',
      'GET /api/v1/attempts/:attempt/files',
      'PUT /api/v1/attempts/:attempt/files/:file',
      'POST /api/v1/attempts/:attempt/heartbeat',
      'GET /api/v1/attempts/:attempt/inputs/:digest',
      'PUT /api/v1/attempts/:attempt/parts/:digest',
      'PUT /api/v1/attempts/:attempt/report',
    ]);
    for (const route of own) {
      expect([route.path, await call(route, ANOTHERS.name)]).toEqual([route.path, 403]);
      expect([401, 403]).not.toContain(await call(route, MINE.name));
    }
  });
});
