import { stableHash } from './stable-hash.js';

/** How long events are counted before the share is looked at again. */
export const SHARE_SLOT_MS = 2_000;
/** The share grows only when the rate would stay below this part of the bound: it does not flutter. */
const ROOM = 0.75;
/** One of four thousand million requests. */
const MOST_LEVEL = 31;

/** A level that held until a moment. */
export interface PastLevel {
  readonly level: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/**
 * Which of a model's answers are kept one by one: those of requests whose stable hash lies in the lowest `2^-level` of all
 * hashes. A request is inside or outside whatever was answered, by whom and when, so what is kept is an unbiased sample,
 * an event, its label and its shadow share their fate, and whoever is kept at a level is kept at every lower one.
 * The level follows from the traffic of all processes together and changes by processing time.
 */
export interface AnswerShare {
  readonly level: number;
  /** Begin of the slot that is being counted, in milliseconds since 1970. */
  readonly slot: number;
  /** Events counted in it. */
  readonly seen: number;
  /** Former levels, oldest first; only those that a label could still need. */
  readonly past: readonly PastLevel[];
}

export const WHOLE_SHARE: AnswerShare = { level: 0, slot: 0, seen: 0, past: [] };

/** Whether requests with this hash are kept at a level. */
export function isKept(hash: number, level: number): boolean {
  return hash < 2 ** (32 - level);
}

/**
 * Counts `seen` more events and sets the level. It rises at once when a slot holds more than its allowance, so that at
 * most some two slots' worth is kept above the bound after a jump of the traffic, and falls by one step a slot.
 * `rememberMs` is how long a label may come after its event.
 */
export function advanceShare(
  share: AnswerShare,
  seen: number,
  now: number,
  perSecond: number,
  rememberMs: number,
): AnswerShare {
  const allowance = Math.max(1, (perSecond * SHARE_SLOT_MS) / 1000);
  const elapsed = now - share.slot;
  const isOver = elapsed >= SHARE_SLOT_MS || elapsed < 0;
  const inSlot = (isOver ? 0 : share.seen) + seen;
  let level = share.level;
  if (isOver && level > 0) {
    const inLast = (share.seen * SHARE_SLOT_MS) / Math.max(SHARE_SLOT_MS, elapsed);
    if (inLast <= allowance * ROOM * 2 ** (level - 1)) level -= 1;
  }
  while (level < MOST_LEVEL && inSlot > allowance * 2 ** level) level += 1;
  const recent = share.past.filter(({ until }) => until >= now - rememberMs);
  const past = level === share.level ? recent : [...recent, { level: share.level, until: now }];
  return { level, slot: isOver ? now : share.slot, seen: inSlot, past };
}

/** Whether a request has certainly been left out: it is outside the largest share that held since `since`. */
export function isOutside(requestId: string, share: AnswerShare, since: number): boolean {
  return !isKept(
    stableHash(requestId),
    levels(share, since).reduce((least, level) => Math.min(least, level)),
  );
}

/** Whether a request may have been left out: it is outside the smallest share that held since `since`. */
export function mayBeOutside(requestId: string, share: AnswerShare, since: number): boolean {
  return !isKept(
    stableHash(requestId),
    levels(share, since).reduce((most, level) => Math.max(most, level)),
  );
}

function levels({ level, past }: AnswerShare, since: number): number[] {
  return [level, ...past.filter(({ until }) => until >= since).map(({ level: former }) => former)];
}
