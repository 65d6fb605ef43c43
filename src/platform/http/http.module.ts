import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, DiscoveryModule } from '@nestjs/core';
import { ReadinessRegistry } from '../observability/index.js';
import { Database } from '../postgres/index.js';
import { PostgresIdempotencyLedger } from './adapters/postgres/idempotency-ledger.js';
import { PostgresTokenStore } from './adapters/postgres/token-store.js';
import { AuthGuard } from './auth.guard.js';
import { HealthController } from './health.controller.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotencyLedger } from './idempotency-ledger.js';
import { ProblemFilter } from './problem.filter.js';
import { EtagInterceptor, IfMatchInterceptor } from './revision.interceptor.js';
import { TokenStore } from './token-store.js';
import { TokensController } from './tokens.controller.js';
import { validationPipe } from './validation.js';

/** The guard, the filter and the validation of every route; tokens; health and metrics. */
@Global()
@Module({
  imports: [DiscoveryModule],
  controllers: [HealthController, TokensController],
  providers: [
    { provide: TokenStore, useClass: PostgresTokenStore },
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: IdempotencyLedger, useClass: PostgresIdempotencyLedger },
    // From the outside in: an answer that is given again was checked when it was given first, and has its ETag still.
    { provide: APP_INTERCEPTOR, useClass: EtagInterceptor },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
    { provide: APP_INTERCEPTOR, useClass: IfMatchInterceptor },
    { provide: APP_PIPE, useFactory: validationPipe },
  ],
  exports: [TokenStore],
})
export class HttpModule implements OnModuleInit {
  constructor(
    private readonly readiness: ReadinessRegistry,
    private readonly db: Database,
  ) {}

  onModuleInit(): void {
    this.readiness.register('database', async () => {
      await this.db.query('SELECT 1');
    });
  }
}
