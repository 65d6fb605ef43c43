import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AuditEntry, AuditLog, Clock, FactBus, Ids, UnitOfWork, WorkQueue } from '../../kernel/index.js';
import { FakeClock, RecordingFactBus, RecordingWorkQueue } from '../../kernel/testing/index.js';
import { ArtifactStore, ChampionHistory, ModelStore } from '../../models/index.js';
import { FakeChampionHistory } from '../../models/testing/index.js';
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
import { kafkaSettings } from '../../platform/kafka/index.js';
import { Database } from '../../platform/postgres/index.js';
import { telemetryLogSettings, telemetrySettings } from '../settings.js';
import { TelemetryModule } from '../telemetry.module.js';
import { FakeModelStore, T0 } from './index.js';

/** The stage alone behind its HTTP edge, on a real database; what belongs to other stages is a fake that a test can set. */
export interface HttpApp {
  readonly app: NestFastifyApplication;
  readonly clock: FakeClock;
  readonly models: FakeModelStore;
  readonly champions: FakeChampionHistory;
  readonly tokens: FakeTokenStore;
  readonly audited: readonly AuditEntry[];
}

/** Its clock stands a minute after `T0`. The database needs the schemas of serving and telemetry. */
export async function makeHttpApp(db: Database, env: Readonly<Record<string, string>> = {}): Promise<HttpApp> {
  const settings = parseSettings([httpSettings, kafkaSettings, telemetryLogSettings, telemetrySettings], env);
  const [clock, models, champions, tokens] = [
    new FakeClock(new Date(T0.getTime() + 60_000)),
    new FakeModelStore(),
    new FakeChampionHistory(),
    new FakeTokenStore(),
  ];
  const audited: AuditEntry[] = [];
  const stubs = [
    { provide: Database, useValue: db },
    { provide: UnitOfWork, useValue: db },
    { provide: Clock, useValue: clock },
    { provide: Ids, useValue: { next: () => 'id' } },
    { provide: AuditLog, useValue: { append: async (entry: AuditEntry) => void audited.push(entry) } },
    { provide: ModelStore, useValue: models },
    { provide: ChampionHistory, useValue: champions },
    { provide: ArtifactStore, useValue: {} },
    { provide: WorkQueue, useValue: new RecordingWorkQueue() },
    { provide: FactBus, useValue: new RecordingFactBus() },
  ];
  @Global()
  @Module({ providers: stubs, exports: stubs.map(({ provide }) => provide) })
  class StubModule {}
  @Module({
    imports: [ConfigModule.forRoot(settings), StubModule, TelemetryModule],
    providers: [
      { provide: TokenStore, useValue: tokens },
      { provide: APP_GUARD, useClass: AuthGuard },
      { provide: APP_FILTER, useClass: ProblemFilter },
      { provide: APP_PIPE, useFactory: validationPipe },
    ],
  })
  class TestModule {}
  const http = settings.of(httpSettings);
  const app = await NestFactory.create<NestFastifyApplication>(TestModule, newFastifyAdapter(http), { logger: false });
  await configureHttp(app, http);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return { app, clock, models, champions, tokens, audited };
}
