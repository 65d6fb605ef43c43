import type { HalfEvent } from './event.js';

/** A half with whatever belongs to it. */
export interface WithHalf {
  readonly half: HalfEvent;
}

/** What is known of an inference whose halves were seen before: the one that waits, or that both have met. */
export type KnownHalf<Received extends WithHalf> = Received | 'joined';

export interface HalfPair<Received extends WithHalf> {
  readonly request: Received;
  readonly response: Received;
}

export interface HalfResolution<Received extends WithHalf> {
  readonly joined: readonly HalfPair<Received>[];
  /** New halves whose other half has not come yet. */
  readonly waiting: readonly Received[];
  /** Halves that were seen before; the first of each side stays. */
  readonly repeated: number;
}

/** Identity of the inference that a half belongs to; NUL cannot occur in either part. */
export function halfKey({ model, id }: Pick<HalfEvent, 'model' | 'id'>): string {
  return `${model}\0${id}`;
}

/**
 * Pairs halves with each other and with those that wait already: in any order, in any batches, and each inference once
 * however often its halves come. Pure and total.
 */
export function pairHalves<Received extends WithHalf>(
  incoming: readonly Received[],
  known: ReadonlyMap<string, KnownHalf<Received>>,
): HalfResolution<Received> {
  const states = new Map<string, KnownHalf<Received>>();
  const joined: HalfPair<Received>[] = [];
  let repeated = 0;
  for (const received of incoming) {
    const key = halfKey(received.half);
    const state = states.get(key) ?? known.get(key);
    if (state === undefined) states.set(key, received);
    else if (state === 'joined' || state.half.side === received.half.side) repeated += 1;
    else {
      const isRequest = received.half.side === 'request';
      joined.push(isRequest ? { request: received, response: state } : { request: state, response: received });
      states.set(key, 'joined');
    }
  }
  const waiting = [...states.values()].filter((state): state is Received => state !== 'joined');
  return { joined, waiting, repeated };
}
