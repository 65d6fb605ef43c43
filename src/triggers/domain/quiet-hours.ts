import type { QuietHours } from '../../models/index.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Quiet times that touch are one; so many are joined before one gives up and says "at least until then". */
const MOST_JOINED = 400;

/**
 * Until when it is quiet, or null when it is not quiet at `now`. Quiet times that overlap or touch count as one.
 *
 * Times are wall-clock times of the entry's zone, so a night is as long as that night is: clocks that go forward skip the
 * missing hour (a time within it is the same time after the gap), clocks that go back make the hour quiet both times it
 * happens. `until` at or before `from` is on the next day; equal means a whole day.
 */
export function quietUntil(hours: readonly QuietHours[], now: Date): Date | null {
  let end: number | null = null;
  for (let joined = 0; joined < MOST_JOINED; joined += 1) {
    const longer: number | null = furthestEnd(hours, end ?? now.getTime());
    if (longer === null) break;
    end = longer;
  }
  return end === null ? null : new Date(end);
}

/** The latest end of the quiet times that hold at `at`, or null when none does. */
function furthestEnd(hours: readonly QuietHours[], at: number): number | null {
  const ends = hours.flatMap((entry) =>
    intervalsAround(entry, at).flatMap(({ start, end }) => (start <= at && at < end ? [end] : [])),
  );
  return ends.length === 0 ? null : Math.max(...ends);
}

/** The quiet times of one entry that begin on the local day before, of and after `at`. */
function intervalsAround(entry: QuietHours, at: number): { readonly start: number; readonly end: number }[] {
  const wall = wallClock(at, entry.timeZone);
  const today = Math.floor(wall / DAY_MS) * DAY_MS;
  const from = minutesOf(entry.from) * MINUTE_MS;
  const until = minutesOf(entry.until) * MINUTE_MS;
  return [-DAY_MS, 0, DAY_MS]
    .map((shift) => today + shift)
    .filter((day) => entry.days.includes(new Date(day).getUTCDay()))
    .map((day) => ({
      start: instantOf(day + from, entry.timeZone).first,
      end: instantOf(day + until + (until <= from ? DAY_MS : 0), entry.timeZone).last,
    }));
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall shows at an instant, as milliseconds as if that clock were UTC. */
function wallClock(instant: number, timeZone: string): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  formats.set(timeZone, format);
  const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/**
 * The instants at which a clock on the wall shows `wall`: the first and the last of them when clocks went back. A time
 * that clocks skipped is taken with the offset before the change, which is the same time after the gap.
 */
function instantOf(wall: number, timeZone: string): { readonly first: number; readonly last: number } {
  const offsetAt = (instant: number): number => wallClock(instant, timeZone) - instant;
  const before = wall - offsetAt(wall - DAY_MS);
  const after = wall - offsetAt(wall + DAY_MS);
  const real = [before, after].filter((instant) => wallClock(instant, timeZone) === wall);
  if (real.length === 0) return { first: before, last: before };
  return { first: Math.min(...real), last: Math.max(...real) };
}
