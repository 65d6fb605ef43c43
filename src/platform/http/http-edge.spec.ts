import { Body, Controller, Get, Logger, Module, Post, Query } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, DiscoveryModule, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type Actor, NotFound, PhaseConflict, ROLES } from '../../kernel/index.js';
import { ConfigModule, parseSettings } from '../config/index.js';
import { ReadinessRegistry } from '../observability/index.js';
import { AuthGuard } from './auth.guard.js';
import { configureHttp, newFastifyAdapter } from './configure-http.js';
import { BodyLimit, CurrentActor, Public, RequireRole, TextBody } from './decorators.js';
import { HealthController } from './health.controller.js';
import { buildOpenApi } from './open-api.js';
import { ProblemFilter } from './problem.filter.js';
import { listRoutes } from './routes.js';
import { httpSettings } from './settings.js';
import { FakeTokenStore } from './testing/index.js';
import { TokenStore } from './token-store.js';
import { validationPipe } from './validation.js';

const Sheep = z.strictObject({ name: z.string(), legs: z.number().int().min(4) }).meta({ id: 'Sheep' });

@Controller('api/v1')
class FarmController {
  @Get('open')
  @Public()
  open() {
    return { open: true };
  }

  @Get('undeclared')
  undeclared() {
    return { open: true };
  }

  @Get('who')
  @RequireRole('viewer')
  who(@CurrentActor() actor: Actor) {
    return actor;
  }

  @Post('sheep')
  @RequireRole('approver')
  sheep(@Body({ schema: Sheep }) body: z.output<typeof Sheep>) {
    return body;
  }

  @Get('sheep')
  @RequireRole('viewer')
  list(@Query({ schema: z.object({ limit: z.coerce.number().int().max(200).default(50) }) }) query: { limit: number }) {
    return query;
  }

  @Post('large')
  @BodyLimit(4 * 1024 * 1024)
  @RequireRole('viewer')
  large(@Body() body: unknown[]) {
    return { items: body.length };
  }

  @Post('text')
  @TextBody(64 * 1024)
  @RequireRole('viewer')
  text(@Body() body: string) {
    return { text: body };
  }

  @Get('missing')
  @RequireRole('viewer')
  missing() {
    throw new NotFound('sheep', 'dolly');
  }

  @Get('conflict')
  @RequireRole('viewer')
  conflict() {
    throw new PhaseConflict('sheep', 'dolly', 'asleep', 'shear');
  }

  @Get('broken')
  @RequireRole('viewer')
  broken() {
    throw new Error('the secret inside');
  }
}

const settings = parseSettings([httpSettings], {});

@Module({
  imports: [ConfigModule.forRoot(settings), DiscoveryModule],
  controllers: [FarmController, HealthController],
  providers: [
    ReadinessRegistry,
    { provide: TokenStore, useClass: FakeTokenStore },
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_PIPE, useFactory: validationPipe },
  ],
})
class FarmModule {}

async function farm(): Promise<NestFastifyApplication> {
  const adapter = newFastifyAdapter(settings.of(httpSettings));
  Logger.overrideLogger(false);
  const app = await NestFactory.create<NestFastifyApplication>(FarmModule, adapter);
  await configureHttp(app, settings.of(httpSettings));
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

describe('an application without tokens', () => {
  let app: NestFastifyApplication;
  beforeAll(async () => {
    app = await farm();
  });
  afterAll(() => app.close());

  it('serves this machine as admin', async () => {
    const answer = await app.inject({ url: '/api/v1/who' });
    expect(answer.json()).toEqual({ name: 'loopback', role: 'admin' });
  });

  it.each([
    ['another machine', { remoteAddress: '10.1.2.3' }],
    ['a proxy on this machine', { headers: { 'x-forwarded-for': '10.1.2.3' } }],
    ['a name that resolves to this machine', { headers: { host: 'evil.example' } }],
    ['a page of another origin', { headers: { origin: 'https://evil.example' } }],
  ])('refuses %s', async (_, request) => {
    const answer = await app.inject({ url: '/api/v1/who', ...request });
    expect(answer.statusCode).toBe(401);
    expect(answer.json().type).toBe('urn:ratchet:problem:loopback-only');
  });

  it('refuses a presented token that does not exist', async () => {
    const answer = await app.inject({ url: '/api/v1/who', headers: { authorization: 'Bearer rt_none' } });
    expect(answer.statusCode).toBe(401);
  });
});

describe('an application with tokens', () => {
  let app: NestFastifyApplication;
  beforeAll(async () => {
    app = await farm();
    for (const role of ROLES) await app.get(TokenStore).create({ name: role, role, expiresAt: null });
  });
  afterAll(() => app.close());

  const as = (role: string, extra: object = {}) => ({ headers: { authorization: `Bearer ${role}-token`, ...extra } });

  it('refuses a request without one, even from this machine', async () => {
    const answer = await app.inject({ url: '/api/v1/who' });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  it('lets anyone call a public route and nobody an undeclared one', async () => {
    expect((await app.inject({ url: '/api/v1/open' })).statusCode).toBe(200);
    const answer = await app.inject({ url: '/api/v1/undeclared', ...as('admin') });
    expect(answer.statusCode).toBe(403);
  });

  it.each([
    ['viewer', 403],
    ['operator', 403],
    ['approver', 201],
    ['admin', 201],
  ])('a %s gets %d from a route for approvers', async (role, status) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/sheep',
      payload: { name: 'dolly', legs: 4 },
      ...as(role),
    });
    expect(answer.statusCode).toBe(status);
  });

  it('reports every fault of a body with its path', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/sheep',
      payload: { legs: 3, wings: 2 },
      ...as('admin'),
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({
      type: 'urn:ratchet:problem:invalid-input',
      title: 'Invalid input',
      status: 400,
      instance: '/api/v1/sheep',
      code: 'invalid',
    });
    expect(answer.json().faults.map((fault: { path: string }) => fault.path)).toEqual(['name', 'legs', '']);
  });

  it('fills in the defaults of a query', async () => {
    expect((await app.inject({ url: '/api/v1/sheep', ...as('viewer') })).json()).toEqual({ limit: 50 });
  });

  it.each([
    ['missing', 404, 'urn:ratchet:problem:not-found', { kind: 'sheep', id: 'dolly' }],
    ['conflict', 409, 'urn:ratchet:problem:phase-conflict', { phase: 'asleep', verb: 'shear' }],
    ['nowhere', 404, 'urn:ratchet:problem:not-found', {}],
  ])('answers GET /%s with a problem', async (path, status, type, members) => {
    const answer = await app.inject({ url: `/api/v1/${path}`, ...as('viewer') });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ type, status, ...members });
  });

  it('says nothing of the inside of a defect', async () => {
    const answer = await app.inject({ url: '/api/v1/broken', ...as('viewer') });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret inside');
    expect(answer.body).not.toContain('.ts');
  });

  it.each([
    ['no JSON', '{"name": NaN}', 400],
    ['a prototype key', '{"__proto__": {"x": 1}}', 400],
    ['deep nesting', '['.repeat(65) + ']'.repeat(65), 400],
    ['over the default bound', JSON.stringify('x'.repeat(1024 * 1024)), 413],
  ])('refuses a body that has %s', async (_, payload, status) => {
    const headers = as('admin', { 'content-type': 'application/json' }).headers;
    const answer = await app.inject({ method: 'POST', url: '/api/v1/sheep', payload, headers });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  it('bounds the body of a route as the route says', async () => {
    const payload = [JSON.stringify('x'.repeat(2 * 1024 * 1024)), JSON.stringify('x'.repeat(5 * 1024 * 1024))];
    const send = (text: string) =>
      app.inject({
        method: 'POST',
        url: '/api/v1/large',
        payload: `[${text}]`,
        ...as('viewer', { 'content-type': 'application/cloudevents-batch+json' }),
      });
    expect((await send(payload[0] as string)).json()).toEqual({ items: 1 });
    expect((await send(payload[1] as string)).statusCode).toBe(413);
  });

  it('hands undecoded text to a route that asks for it', async () => {
    const headers = as('viewer', { 'content-type': 'application/json' }).headers;
    const answer = await app.inject({ method: 'POST', url: '/api/v1/text', payload: '{"a": NaN', headers });
    expect(answer.json()).toEqual({ text: '{"a": NaN' });
  });

  it('is live, and ready only when every check is', async () => {
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
    expect((await app.inject({ url: '/readyz' })).statusCode).toBe(200);
    app.get(ReadinessRegistry).register('sessions', async () => {
      throw new Error('2 of 3 loaded');
    });
    const answer = await app.inject({ url: '/readyz' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json().checks).toEqual([{ name: 'sessions', ready: false, detail: '2 of 3 loaded' }]);
    expect((await app.inject({ url: '/metrics' })).body).toContain('ratchet_http_request_seconds_bucket');
  });

  it('lists its routes with who may call them', () => {
    const routes = listRoutes(app).map((route) => `${route.method} ${route.path} ${route.access}`);
    expect(routes).toContain('GET /api/v1/undeclared null');
    expect(routes).toContain('POST /api/v1/sheep approver');
    expect(routes).toContain('GET /livez public');
  });

  it('states schema and role of a route in the OpenAPI document', () => {
    const document = buildOpenApi(app);
    const operation = document.paths['/api/v1/sheep']?.post as unknown as Record<string, unknown>;
    expect(operation['x-ratchet-role']).toBe('approver');
    expect(JSON.stringify(operation['requestBody'])).toContain('#/components/schemas/Sheep');
    expect(document.components?.schemas?.['Sheep']).toMatchObject({ required: ['name', 'legs'] });
  });
});
