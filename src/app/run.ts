import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RatchetError } from '../kernel/index.js';
import { processEnvironment } from '../platform/config/index.js';
import { bindAddress, httpSettings, TokenStore } from '../platform/http/index.js';
import { log } from '../platform/observability/index.js';
import { readConfiguration } from './configuration.js';
import { answerTo } from './command-line.js';
import { createApp } from './create-app.js';
import { openDatabase, type OpenDatabase } from './database.js';
import { armFromEnvironment } from './failpoints.js';
import { databaseSettings } from './settings.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Running {
  readonly database: OpenDatabase;
  readonly app: NestFastifyApplication;
}

/** Starts the program and keeps it until SIGINT or SIGTERM; a second signal ends it at once. */
export async function run(args: readonly string[]): Promise<void> {
  const answer = answerTo(args);
  if (answer !== null) {
    (answer.code === 0 ? process.stdout : process.stderr).write(`${answer.text}\n`);
    process.exitCode = answer.code;
    return;
  }
  const starting = start();
  // From the beginning: whoever interrupts the start must not find a PostgreSQL left behind.
  const onSignal = stopOnSignal({
    close: async () => {
      const running = await starting;
      await running?.app.close();
      await running?.database.close();
    },
    exit: (code) => process.exit(code),
    now: () => performance.now(),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (onSignal() === 'stopping') log.info({ signal }, 'ratchet is stopping');
    });
  }
  if ((await starting) === null) process.exit(1);
}

async function start(): Promise<Running | null> {
  let database: OpenDatabase | undefined;
  let app: NestFastifyApplication | undefined;
  try {
    const settings = readConfiguration(processEnvironment());
    armFromEnvironment(processEnvironment());
    database = await openDatabase(settings.of(databaseSettings));
    app = await createApp(settings, database.db);
    const http = settings.of(httpSettings);
    const hasTokens = (await app.get(TokenStore, { strict: false }).list()).length > 0;
    await app.listen(http.port, bindAddress(http, hasTokens));
    log.info({ url: await app.getUrl() }, 'ratchet is serving');
    return { database, app };
  } catch (error) {
    log.fatal(
      { error: error instanceof RatchetError ? error.message : String((error as Error).stack) },
      'ratchet cannot start',
    );
    // The reconcilers run already when the port turns out to be taken.
    await app?.close().catch(() => undefined);
    await database?.giveUp().catch(() => undefined);
    return null;
  }
}
