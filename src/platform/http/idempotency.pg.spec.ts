import { Body, Controller, Get, HttpCode, Module, Param, Post } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { armFailpoints, NotFound, PhaseConflict, RatchetError, UnitOfWork } from '../../kernel/index.js';
import { FakeClock } from '../../kernel/testing/index.js';
import { platformHttpPersistence } from '../audit/index.js';
import { ConfigModule, parseSettings } from '../config/index.js';
import { setLogLevel } from '../observability/index.js';
import { Database } from '../postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../postgres/testing/index.js';
import { PostgresIdempotencyLedger } from './adapters/postgres/idempotency-ledger.js';
import { AuthGuard } from './auth.guard.js';
import { configureHttp, newFastifyAdapter } from './configure-http.js';
import { RequireRole } from './decorators.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotencyLedger } from './idempotency-ledger.js';
import { ProblemFilter } from './problem.filter.js';
import { EtagInterceptor, IfMatchInterceptor } from './revision.interceptor.js';
import { RevisionSource, SecretAnswer, TakesIfMatch } from './revisions.js';
import { httpSettings } from './settings.js';
import { FakeTokenStore } from './testing/index.js';
import { TokenStore } from './token-store.js';
import { validationPipe } from './validation.js';

class Unreachable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
}

class Flock extends RevisionSource {
  revision = 4;
  override require(id: string) {
    if (id !== 'dolly') return Promise.reject(new NotFound('sheep', id));
    return Promise.resolve({ id, revision: this.revision });
  }
}

const Wool = z.strictObject({ kilograms: z.number() });
/** What the handler does next; a test says it. */
let next: () => Promise<void> = () => Promise.resolve();

@Controller('api/v1')
class FarmController {
  constructor(
    private readonly db: Database,
    private readonly work: UnitOfWork,
    private readonly flock: Flock,
  ) {}

  @Get('sheep/:id')
  @RequireRole('viewer')
  one(@Param('id') id: string) {
    return this.flock.require(id);
  }

  @Post('sheep/:id/shear')
  @HttpCode(202)
  @RequireRole('operator')
  @TakesIfMatch(Flock)
  async shear(@Param('id') id: string, @Body({ schema: Wool }) body: z.output<typeof Wool>) {
    await this.work.run('test.shear', () =>
      this.db.query('INSERT INTO wool (kilograms) VALUES ($1)', [body.kilograms]),
    );
    await next();
    return { id, revision: (this.flock.revision += 1), at: new Date(0) };
  }

  @Post('secret')
  @RequireRole('operator')
  @SecretAnswer()
  secret() {
    return { secret: 'x' };
  }
}

describe('keys and revisions', () => {
  let test: TestDatabase;
  let app: NestFastifyApplication;
  const clock = new FakeClock();
  const flock = new Flock();

  beforeAll(async () => {
    setLogLevel('silent');
    test = await openTestDatabase([platformHttpPersistence]);
    await test.db.query('CREATE TABLE wool (kilograms integer)');
    const tokens = new FakeTokenStore();
    for (const name of ['ann', 'bob']) await tokens.create({ name, role: 'operator', expiresAt: null });
    const settings = parseSettings([httpSettings], {});
    @Module({
      imports: [ConfigModule.forRoot(settings)],
      controllers: [FarmController],
      providers: [
        { provide: Database, useValue: test.db },
        { provide: UnitOfWork, useExisting: Database },
        { provide: Flock, useValue: flock },
        { provide: TokenStore, useValue: tokens },
        { provide: IdempotencyLedger, useValue: new PostgresIdempotencyLedger(test.db, clock) },
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useFactory: validationPipe },
        { provide: APP_INTERCEPTOR, useClass: EtagInterceptor },
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useClass: IfMatchInterceptor },
      ],
    })
    class FarmModule {}
    app = await NestFactory.create<NestFastifyApplication>(FarmModule, newFastifyAdapter(settings.of(httpSettings)), {
      logger: false,
    });
    await configureHttp(app, settings.of(httpSettings));
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  }, 60_000);
  afterAll(async () => {
    await app.close();
    await test.close();
  });
  beforeEach(async () => {
    next = () => Promise.resolve();
    flock.revision = 4;
    await test.db.query('DELETE FROM wool');
    await test.db.query('DELETE FROM platform.idempotency_key');
  });

  const shear = async (
    key: string | null,
    over: { body?: object; actor?: string; match?: string; id?: string } = {},
  ) => {
    const { body = { kilograms: 3 }, actor = 'ann', match, id = 'dolly' } = over;
    const headers = {
      authorization: `Bearer ${actor}-token`,
      ...(key !== null && { 'idempotency-key': key }),
      ...(match !== undefined && { 'if-match': match }),
    };
    const url = `/api/v1/sheep/${id}/shear`;
    const answer = await app.inject({ method: 'POST', url, headers, payload: body });
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>(), headers: answer.headers };
  };
  const wool = async () => (await test.db.query('SELECT kilograms FROM wool')).length;

  it('without a key every request is one', async () => {
    await shear(null);
    expect((await shear(null)).headers['idempotent-replayed']).toBeUndefined();
    expect(await wool()).toBe(2);
  });

  it('the same key again gets the same answer, and nothing happens twice', async () => {
    const first = await shear('k1');
    expect(first).toMatchObject({ status: 202, body: { id: 'dolly', revision: 5 }, headers: { etag: '"5"' } });
    const again = await shear('k1');
    expect({ ...again, headers: {} }).toEqual({ ...first, headers: {} });
    expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', etag: '"5"' });
    expect(await wool()).toBe(1);
  });

  it.each<[string, Parameters<typeof shear>[1]]>([
    ['body', { body: { kilograms: 4 } }],
    ['URL', { id: 'molly' }],
  ])('the same key with another %s is refused', async (_, over) => {
    await shear('k2');
    expect(await shear('k2', over)).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
    expect(await wool()).toBe(1);
  });

  it('the order of the body’s fields is no difference, and another actor’s key is another key', async () => {
    await shear('k3');
    expect(await shear('k3', { actor: 'bob' })).toMatchObject({ status: 202 });
    expect(await wool()).toBe(2);
  });

  it('a second request while the first one is at work is told so', async () => {
    let release: () => void = () => undefined;
    const started = new Promise<void>((begun) => {
      next = () => {
        begun();
        return new Promise((done) => (release = done));
      };
    });
    const first = shear('k4');
    await started;
    expect(await shear('k4')).toMatchObject({ status: 409, body: { code: 'conflict', retryable: true } });
    release();
    expect((await first).status).toBe(202);
    expect(await shear('k4')).toMatchObject({ status: 202, headers: { 'idempotent-replayed': 'true' } });
    expect(await wool()).toBe(1);
  });

  it.each(['http.answer-once:before-commit', 'http.answer-once:after-commit'])(
    'a process that dies at %s leaves either everything or nothing',
    async (place) => {
      armFailpoints((name) => {
        if (name === place) throw new Error('the process died');
      });
      expect((await shear('k5')).status).toBe(500);
      armFailpoints(null);
      expect(await wool()).toBe(place.includes('before') ? 0 : 1);
      expect((await shear('k5')).status).toBe(202);
      expect(await wool()).toBe(1);
    },
  );

  it('a refusal is given again as it was, and what may go well next time is not kept', async () => {
    next = () => Promise.reject(new PhaseConflict('sheep', 'dolly', 'asleep', 'shear'));
    const first = await shear('k6');
    expect(first).toMatchObject({ status: 409, body: { phase: 'asleep' } });
    next = () => Promise.reject(new Unreachable('away'));
    expect(await shear('k7')).toMatchObject({ status: 503 });
    next = () => Promise.resolve();
    expect((await shear('k6')).body).toEqual(first.body);
    expect(await shear('k7')).toMatchObject({ status: 202 });
    expect(await wool()).toBe(1);
  });

  it('is forgotten after 24 hours', async () => {
    await shear('k8');
    clock.advance(86_400_001);
    expect((await shear('k8', { body: { kilograms: 9 } })).headers['idempotent-replayed']).toBeUndefined();
    expect(await shear('k8', { body: { kilograms: 9 } })).toMatchObject({ headers: { 'idempotent-replayed': 'true' } });
    expect(await wool()).toBe(2);
  });

  it('refuses a key that cannot be one, and any key where the answer is a secret', async () => {
    expect(await shear('with space')).toMatchObject({ status: 400 });
    expect(await shear('k'.repeat(256))).toMatchObject({ status: 400 });
    const headers = { authorization: 'Bearer ann-token', 'idempotency-key': 'k9' };
    expect((await app.inject({ method: 'POST', url: '/api/v1/secret', headers })).statusCode).toBe(400);
  });

  it('tells the revision as ETag and refuses what rests on an older one', async () => {
    const one = await app.inject({ url: '/api/v1/sheep/dolly', headers: { authorization: 'Bearer ann-token' } });
    expect(one.headers['etag']).toBe('"4"');
    expect(await shear(null, { match: '"3"' })).toMatchObject({
      status: 412,
      body: { code: 'precondition', revision: 4 },
    });
    expect(await shear(null, { match: 'W/"4"' })).toMatchObject({ status: 412 });
    expect(await wool()).toBe(0);
    expect(await shear(null, { match: '"3", "4"' })).toMatchObject({ status: 202 });
    expect(await shear(null, { match: '*' })).toMatchObject({ status: 202 });
    expect(await shear(null, { match: '"4"', id: 'molly' })).toMatchObject({ status: 404 });
  });

  it('gives an answer again although its revision is over by then', async () => {
    await shear('k10', { match: '"4"' });
    expect(await shear('k10', { match: '"4"' })).toMatchObject({ status: 202, body: { revision: 5 } });
  });
});
