import type { LoggerService } from '@nestjs/common';
import { log } from '../platform/observability/index.js';

/** Nest's own messages through the one logger; what it says about wiring is for debugging only. */
export class NestLog implements LoggerService {
  log(message: unknown, context?: unknown): void {
    log.debug({ context }, String(message));
  }
  debug(message: unknown, context?: unknown): void {
    log.trace({ context }, String(message));
  }
  verbose(message: unknown, context?: unknown): void {
    log.trace({ context }, String(message));
  }
  warn(message: unknown, context?: unknown): void {
    log.warn({ context }, String(message));
  }
  error(message: unknown, ...details: unknown[]): void {
    log.error({ details }, String(message));
  }
  fatal(message: unknown, ...details: unknown[]): void {
    log.fatal({ details }, String(message));
  }
}
