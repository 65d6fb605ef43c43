import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ParsedSettings } from '../platform/config/index.js';
import { buildOpenApi, configureHttp, httpSettings, newFastifyAdapter, serveDocs } from '../platform/http/index.js';
import { collectProcessMetrics, observabilitySettings, setLogLevel } from '../platform/observability/index.js';
import type { Database } from '../platform/postgres/index.js';
import { NestLog } from './nest-log.js';
import { ProcessModule } from './process.module.js';

/** The program in its roles, over an open database: not listening, not reconciling yet. */
export async function createApp(settings: ParsedSettings, db: Database): Promise<NestFastifyApplication> {
  setLogLevel(settings.of(observabilitySettings).level);
  collectProcessMetrics();
  const http = settings.of(httpSettings);
  const app = await NestFactory.create<NestFastifyApplication>(
    ProcessModule.forRoot(settings, db),
    newFastifyAdapter(http),
    {
      logger: new NestLog(),
      bodyParser: false,
      // Faults of the wiring come to whoever starts the program, who says that it cannot start.
      abortOnError: false,
    },
  );
  await configureHttp(app, http);
  if (http.docs) serveDocs(app, buildOpenApi(app));
  return app;
}
