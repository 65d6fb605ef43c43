import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RatchetError } from '../kernel/index.js';
import { processEnvironment } from '../platform/config/index.js';
import { bindAddress, httpSettings, TokenStore } from '../platform/http/index.js';
import { log } from '../platform/observability/index.js';
import { readConfiguration } from './configuration.js';
import { createApp } from './create-app.js';
import { openDatabase, type OpenDatabase } from './database.js';
import { databaseSettings } from './settings.js';

/** Starts the program and keeps it until SIGINT or SIGTERM; a second signal ends it at once. */
export async function run(): Promise<void> {
  let database: OpenDatabase | undefined;
  try {
    const settings = readConfiguration(processEnvironment());
    database = await openDatabase(settings.of(databaseSettings));
    const app = await createApp(settings, database.db);
    const http = settings.of(httpSettings);
    const hasTokens = (await app.get(TokenStore, { strict: false }).list()).length > 0;
    await app.listen(http.port, bindAddress(http, hasTokens));
    log.info({ url: await app.getUrl() }, 'ratchet is serving');
    stopOnSignal(app, database);
  } catch (error) {
    log.fatal(
      { error: error instanceof RatchetError ? error.message : String((error as Error).stack) },
      'ratchet cannot start',
    );
    await database?.close().catch(() => undefined);
    process.exitCode = 1;
  }
}

function stopOnSignal(app: NestFastifyApplication, database: OpenDatabase): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info({ signal }, 'ratchet is stopping');
    app
      .close()
      .then(() => database.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error: String(error) }, 'ratchet did not stop cleanly');
          process.exit(1);
        },
      );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
