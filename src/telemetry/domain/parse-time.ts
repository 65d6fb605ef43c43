const DAY_MS = 86_400_000;
let lastDay = -1;
let lastDayMs = 0;

/**
 * Milliseconds since 1970 of a number of them, or of an ISO 8601 text with its zone (a text without one would mean another
 * time on each machine); NaN for everything else and for years outside 1970 to 9999.
 */
export function parseTime(value: unknown): number {
  if (typeof value === 'number') return inRange(value);
  if (typeof value !== 'string' || value.length > 40) return Number.NaN;
  const fast = parseUtc(value);
  if (fast >= 0) return fast;
  return /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:?\d\d)$/.test(value) ? inRange(Date.parse(value)) : Number.NaN;
}

function inRange(at: number): number {
  return at >= 0 && at < 253_402_300_800_000 ? Math.trunc(at) : Number.NaN;
}

/** `YYYY-MM-DDTHH:MM:SS[.mmm]Z`, which nearly every sender writes; -1 for other texts, which may still be times. */
function parseUtc(text: string): number {
  const long = text.length === 24;
  if (!long && text.length !== 20) return -1;
  if (text.charCodeAt(10) !== 84 || text.charCodeAt(text.length - 1) !== 90) return -1;
  const day = dayOf(text);
  const time = timeOf(text);
  const fraction = long ? millisecondsOf(text) : 0;
  return day < 0 || time < 0 || fraction < 0 ? -1 : day + time + fraction;
}

function timeOf(text: string): number {
  const hour = two(text, 11);
  const minute = two(text, 14);
  const second = two(text, 17);
  if (text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return -1;
  return hour < 24 && minute < 60 && second < 60 ? ((hour * 60 + minute) * 60 + second) * 1000 : -1;
}

function millisecondsOf(text: string): number {
  const tenths = two(text, 20);
  const last = text.charCodeAt(22) - 48;
  return text.charCodeAt(19) === 46 && tenths <= 99 && last >= 0 && last <= 9 ? tenths * 10 + last : -1;
}

/** Milliseconds of the day's begin; the last day is remembered, because most events are of the same. */
function dayOf(text: string): number {
  const year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  const date = two(text, 8);
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return -1;
  if (!(year >= 1970 && year <= 9999 && month >= 1 && month <= 12 && date >= 1 && date <= 31)) return -1;
  const name = (year * 100 + month) * 100 + date;
  if (name === lastDay) return lastDayMs;
  const start = Date.UTC(year, month - 1, date);
  // The 30th of February would be another day.
  if (new Date(start).getUTCDate() !== date || start % DAY_MS !== 0) return -1;
  lastDay = name;
  lastDayMs = start;
  return start;
}

/** Two digits; above 99 when they are none. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1000;
}
