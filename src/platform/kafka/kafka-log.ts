import kafkajs, { type logCreator } from 'kafkajs';
import { log } from '../observability/index.js';

/** Fields of a kafkajs line that say where and what; everything else (stacks, whole payloads) is left out. */
const FIELDS = [
  'groupId',
  'memberId',
  'broker',
  'clientId',
  'topic',
  'partition',
  'error',
  'correlationId',
  'retryCount',
];

/**
 * What kafkajs says, through the one logger. It calls errors what it then gets over by itself, so its errors are warnings
 * here and the rest is for debugging; what matters is logged by whoever uses the client.
 */
export const kafkaLogCreator: logCreator =
  () =>
  ({ namespace, level, log: { message, ...rest } }) => {
    const fields: Record<string, unknown> = { part: namespace };
    for (const name of FIELDS) {
      const value = rest[name] as unknown;
      if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
    }
    const text = `kafka client: ${message}`;
    // What one connection says is repeated by whoever uses it, and during a rebalance said once a request.
    if (level <= kafkajs.logLevel.ERROR && namespace !== 'Connection') log.warn(fields, text);
    else log.debug(fields, text);
  };
