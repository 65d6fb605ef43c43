import { Logger, Module, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Clock } from '../../kernel/index.js';
import { FakeClock } from '../../kernel/testing/index.js';
import { ConfigModule, parseSettings } from '../../platform/config/index.js';
import { AuthGuard } from '../../platform/http/auth.guard.js';
import {
  configureHttp,
  httpSettings,
  newFastifyAdapter,
  TokenStore,
  validationPipe,
} from '../../platform/http/index.js';
import { ProblemFilter } from '../../platform/http/problem.filter.js';
import { FakeTokenStore } from '../../platform/http/testing/index.js';

/** One controller behind the real edge: guard, validation and problem responses; `viewer-token` and `operator-token` let in. */
export async function openController(controller: Type, providers: Provider[]): Promise<NestFastifyApplication> {
  const settings = parseSettings([httpSettings], {});
  const tokens = new FakeTokenStore();
  for (const role of ['viewer', 'operator'] as const) await tokens.create({ name: role, role, expiresAt: null });
  @Module({
    imports: [ConfigModule.forRoot(settings)],
    controllers: [controller],
    providers: [
      ...providers,
      { provide: Clock, useValue: new FakeClock() },
      { provide: TokenStore, useValue: tokens },
      { provide: APP_GUARD, useClass: AuthGuard },
      { provide: APP_FILTER, useClass: ProblemFilter },
      { provide: APP_PIPE, useFactory: validationPipe },
    ],
  })
  class TestModule {}
  const http = settings.of(httpSettings);
  Logger.overrideLogger(false);
  const app = await NestFactory.create<NestFastifyApplication>(TestModule, newFastifyAdapter(http));
  await configureHttp(app, http);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

/** What a request with a role's token looks like. */
export function as(role: 'viewer' | 'operator', method: 'GET' | 'POST', url: string, body?: unknown) {
  return {
    method,
    url: `/api/v1${url}`,
    headers: { authorization: `Bearer ${role}-token` },
    ...(body === undefined ? {} : { payload: body as object }),
  };
}
