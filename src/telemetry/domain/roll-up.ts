const MINUTE = 60;
const HOUR = 3_600;

/**
 * How long windows of each size are kept, in seconds: base windows (shorter than a minute) before they are rolled up to
 * minutes, minutes before they become hours, and everything before it goes.
 */
export interface WindowRetention {
  readonly baseSeconds: number;
  readonly minuteSeconds: number;
  readonly totalSeconds: number;
}

/** Windows of at least `from` and less than `below` seconds are rolled up to the least multiple of their size from `below` on. */
export interface RollUpLevel {
  readonly from: number;
  readonly below: number;
  /** Windows whose coarser window ended so long ago are due. */
  readonly afterSeconds: number;
}

/** Levels of a roll-up, finest first. */
export function rollUpLevels({ baseSeconds, minuteSeconds }: WindowRetention): readonly RollUpLevel[] {
  return [
    { from: 0, below: MINUTE, afterSeconds: baseSeconds },
    { from: MINUTE, below: HOUR, afterSeconds: minuteSeconds },
  ];
}

/**
 * Size of the window that one of `seconds` is rolled up into: the least multiple of it that is no shorter than the level.
 * Both are aligned to 1970, so a fine window lies within exactly one coarse one, also where sizes do not divide a minute
 * (7 s become 63 s, and those 3,654 s): windows say their size, and nothing is split.
 */
export function coarseSeconds(seconds: number, { below }: RollUpLevel): number {
  return seconds * Math.ceil(below / seconds);
}

/** Start of the coarse window that contains one that starts at `start`; both in milliseconds since 1970. */
export function coarseStart(start: number, coarse: number): number {
  return Math.floor(start / (coarse * 1000)) * coarse * 1000;
}
