/** What `npm start -- --help` prints. */
export const USAGE = `usage: npm start
       npm start -- --help

Starts Ratchet in the foreground and serves until SIGINT or SIGTERM. There are no options: everything is set in the
environment, and docs/configuration.md lists it all. Most asked for:

  DATABASE_URL         a PostgreSQL of your own; otherwise the embedded one in .ratchet/
  KAFKA_BROKERS        host:port,… – telemetry goes through Kafka; otherwise it is taken directly
  RATCHET_ROLES        all (default), or some of: control, ingest, gateway
  RATCHET_HTTP_PORT    where the API and the gateway listen (8080)
  RATCHET_LOG_LEVEL    debug, info (default), warn, error`;

/** What to print, and the exit code, in the place of starting; null = start. */
export function answerTo(args: readonly string[]): { readonly text: string; readonly code: number } | null {
  const [unknown] = args.filter((argument) => argument !== '--help' && argument !== '-h');
  if (unknown !== undefined) return { text: `unknown argument "${unknown}"\n\n${USAGE}`, code: 2 };
  return args.length > 0 ? { text: USAGE, code: 0 } : null;
}
