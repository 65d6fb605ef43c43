import type { RatchetError } from '../../kernel/index.js';
import { KafkaRefused, KafkaUnreachable } from './errors.js';

const REFUSALS = /AUTHORIZATION_FAILED|SASL|authentication|certificate|CERT|SSL alert|wrong version number/i;

/**
 * Our error for one of the client's, which come wrapped in each other: refused (a person has to change something) or not
 * reachable (time may help).
 */
export function explainKafka(error: unknown, brokers: readonly string[]): RatchetError {
  const texts: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < 8; depth += 1) {
    texts.push(`${cause.name} ${(cause as { type?: string }).type ?? ''} ${cause.message}`);
    cause = cause.cause;
  }
  const refusal = texts.find((text) => REFUSALS.test(text));
  if (refusal !== undefined) return new KafkaRefused((error as Error).message, { cause: error });
  return new KafkaUnreachable(brokers, { cause: error });
}
