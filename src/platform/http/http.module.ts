import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, DiscoveryModule } from '@nestjs/core';
import { ReadinessRegistry } from '../observability/index.js';
import { Database } from '../postgres/index.js';
import { PostgresTokenStore } from './adapters/postgres/token-store.js';
import { AuthGuard } from './auth.guard.js';
import { HealthController } from './health.controller.js';
import { ProblemFilter } from './problem.filter.js';
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
