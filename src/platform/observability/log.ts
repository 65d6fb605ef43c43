import { destination, pino, stdTimeFunctions } from 'pino';

/**
 * The one logger: JSON lines on standard error, a constant message and fields. Secrets never belong in fields; the usual
 * names are struck out all the same.
 */
export const log = pino(
  {
    level: 'info',
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: ['token', 'secret', 'authorization', '*.token', '*.secret', '*.authorization'], censor: '***' },
  },
  destination({ dest: 2, sync: true }),
);

/** Sets the level of `log` from the configuration. */
export function setLogLevel(level: string): void {
  log.level = level;
}
