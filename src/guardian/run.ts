import { setTimeout as pause } from 'node:timers/promises';
import { RatchetError } from '../kernel/index.js';
import { processEnvironment } from '../platform/config/environment.js';
import { settingsReference } from '../platform/config/settings-reference.js';
import { ClusterConnection, kubernetesSettings } from '../platform/kubernetes/index.js';
import { collectProcessMetrics, log, setLogLevel } from '../platform/observability/index.js';
import { Guardian } from './guardian.js';
import { serveHealth } from './health-server.js';
import { guardianSettings, readGuardianSettings } from './settings.js';

/** How often leases are looked at; reading the copies costs next to nothing. */
const LOOK_MS = 250;

const USAGE = `usage: node dist/guardian-main.js
       node dist/guardian-main.js --help

Watches routes (HTTPRoute, VirtualService, InferenceService) and gives the traffic of each back to its stable backend when the
time of its annotation ratchet.dev/confirm-by has passed. It does nothing else, and needs nothing but the API server: get,
list, watch and patch of the routes. Run two or more; they do not hinder each other. There are no options:

`;

/** Runs until SIGINT or SIGTERM. Resolves with the exit code. */
export async function runGuardian(args: readonly string[]): Promise<number> {
  const [unknown] = args.filter((argument) => argument !== '--help' && argument !== '-h');
  if (unknown !== undefined || args.length > 0) {
    const text = USAGE + settingsReference([guardianSettings, kubernetesSettings]);
    (unknown === undefined ? process.stdout : process.stderr).write(
      unknown === undefined ? text : `unknown argument "${unknown}"\n\n${text}`,
    );
    return unknown === undefined ? 0 : 2;
  }
  try {
    await guard();
    return 0;
  } catch (error) {
    log.fatal({ error: error instanceof RatchetError ? error.message : String(error) }, 'the guardian cannot start');
    return 1;
  }
}

async function guard(): Promise<void> {
  const { guardian: settings, kubernetes, namespaces } = readGuardianSettings(processEnvironment());
  setLogLevel(settings.logLevel);
  collectProcessMetrics();
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      ending.abort();
    });
  }
  const connection = new ClusterConnection(kubernetes);
  const options = { kinds: settings.kinds, namespaces, resyncMs: settings.resyncSeconds * 1000 };
  const guardian = new Guardian(connection, options);
  const health = await serveHealth(settings.port, () => guardian.problem());
  guardian.start();
  log.info(
    { ...options, namespaces: namespaces.map((name) => name ?? '*'), port: health.port },
    'the guardian watches',
  );
  while (!ending.signal.aborted) {
    await guardian.look();
    await pause(LOOK_MS, undefined, { signal: ending.signal }).catch(() => undefined);
  }
  await guardian.stop();
  await health.close();
  await connection.close();
  log.info('the guardian has stopped');
}
