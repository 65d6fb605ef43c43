import helmet from '@fastify/helmet';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type SettingsOf } from '../config/index.js';
import { useBodyParsers } from './json-body.js';
import { measureRequests } from './metrics.js';
import type { httpSettings } from './settings.js';

/** The adapter to create the application with: `NestFactory.create(AppModule, newFastifyAdapter(settings))`. */
export function newFastifyAdapter(settings: SettingsOf<typeof httpSettings>): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: settings.jsonBytes,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    // Attempts' and triggers' names are longer than the default of 100.
    routerOptions: { maxParamLength: 256 },
  });
}

/** Everything that belongs to the server rather than to a module; call it once, before `app.init()` or `app.listen()`. */
export async function configureHttp(
  app: NestFastifyApplication,
  settings: SettingsOf<typeof httpSettings>,
): Promise<void> {
  measureRequests(app);
  useBodyParsers(app, settings.jsonBytes);
  await app.register(helmet, {
    contentSecurityPolicy: {
      // Served without TLS on a laptop; a page that upgrades its own requests would not load.
      directives: { upgradeInsecureRequests: null },
    },
    strictTransportSecurity: false,
  });
}
