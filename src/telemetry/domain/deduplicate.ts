import type { AdmittedEvent } from './admit.js';

/** Identity of an event; NUL cannot occur in either part. */
export function identity(event: { readonly model: string; readonly requestId: string }): string {
  return `${event.model}\0${event.requestId}`;
}

/**
 * Splits a batch by identity: the first of each, the first answered repeat of one that had failed (a client that tried
 * again with the same id), and everything else, which are duplicates.
 */
export function deduplicate(events: readonly AdmittedEvent[]): {
  readonly first: readonly AdmittedEvent[];
  readonly retries: readonly AdmittedEvent[];
  readonly duplicates: number;
} {
  const first = new Map<string, AdmittedEvent>();
  const retries = new Map<string, AdmittedEvent>();
  for (const admitted of events) {
    const name = identity(admitted.event);
    const known = first.get(name);
    if (known === undefined) first.set(name, admitted);
    else if (known.event.error !== null && admitted.event.error === null && !retries.has(name))
      retries.set(name, admitted);
  }
  return {
    first: [...first.values()],
    retries: [...retries.values()],
    duplicates: events.length - first.size - retries.size,
  };
}
