import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { QuietHours } from '../../models/index.js';
import { quietUntil } from './quiet-hours.js';

const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];
const hours = (from: string, until: string, timeZone = 'UTC', days = EVERY_DAY): QuietHours => ({
  ...{ from, until, timeZone, days },
});
const at = (text: string): Date => new Date(text);

describe('quiet hours', () => {
  it.each<[string, QuietHours[], string, string | null]>([
    ['none', [], '2026-01-01T03:00:00Z', null],
    ['before they begin', [hours('22:00', '23:00')], '2026-01-01T21:59:59Z', null],
    ['at their beginning', [hours('22:00', '23:00')], '2026-01-01T22:00:00Z', '2026-01-01T23:00:00Z'],
    ['at their end', [hours('22:00', '23:00')], '2026-01-01T23:00:00Z', null],
    ['past midnight', [hours('22:00', '06:00')], '2026-01-02T05:59:00Z', '2026-01-02T06:00:00Z'],
    ['a whole day', [hours('08:00', '08:00', 'UTC', [4])], '2026-01-02T07:00:00Z', '2026-01-02T08:00:00Z'],
    ['of another day', [hours('22:00', '06:00', 'UTC', [5])], '2026-01-01T23:00:00Z', null],
    // 1 January 2026 is a Thursday: the night that begins on it lasts into Friday.
    ['of the day they begin on', [hours('22:00', '06:00', 'UTC', [4])], '2026-01-02T01:00:00Z', '2026-01-02T06:00:00Z'],
    ['that touch', [hours('22:00', '23:00'), hours('23:00', '02:00')], '2026-01-01T22:30:00Z', '2026-01-02T02:00:00Z'],
    [
      'that overlap',
      [hours('22:00', '01:00'), hours('23:00', '02:00')],
      '2026-01-01T22:30:00Z',
      '2026-01-02T02:00:00Z',
    ],
    ['of Berlin in winter', [hours('08:00', '09:00', 'Europe/Berlin')], '2026-01-05T07:30:00Z', '2026-01-05T08:00:00Z'],
    ['of Berlin in summer', [hours('08:00', '09:00', 'Europe/Berlin')], '2026-07-06T06:30:00Z', '2026-07-06T07:00:00Z'],
    [
      'of a zone a day ahead',
      [hours('00:00', '01:00', 'Pacific/Kiritimati', [5])],
      '2026-01-01T10:30:00Z',
      '2026-01-01T11:00:00Z',
    ],
    [
      'of a zone with half hours',
      [hours('00:00', '01:00', 'Asia/Kolkata')],
      '2026-01-01T18:45:00Z',
      '2026-01-01T19:30:00Z',
    ],
  ])('%s', (_, entries, now, until) => {
    expect(quietUntil(entries, at(now))).toEqual(until === null ? null : at(until));
  });

  // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
  it.each([
    [
      'the night is an hour shorter',
      hours('22:00', '06:00', 'Europe/Berlin'),
      '2026-03-28T21:30:00Z',
      '2026-03-29T04:00:00Z',
    ],
    [
      'an end in the gap is after it',
      hours('01:00', '02:30', 'Europe/Berlin'),
      '2026-03-29T00:30:00Z',
      '2026-03-29T01:30:00Z',
    ],
    [
      'a beginning in the gap is after it',
      hours('02:30', '04:00', 'Europe/Berlin'),
      '2026-03-29T01:30:00Z',
      '2026-03-29T02:00:00Z',
    ],
    ['it is not quiet in between', hours('02:30', '04:00', 'Europe/Berlin'), '2026-03-29T01:15:00Z', null],
  ])('when clocks go forward %s', (_, entry, now, until) => {
    expect(quietUntil([entry], at(now))).toEqual(until === null ? null : at(until));
  });

  // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC, so 02:30 is twice: 00:30 and 01:30 UTC.
  it.each([
    ['the first time', '2026-10-25T00:30:00Z', '2026-10-25T01:45:00Z'],
    ['between', '2026-10-25T01:05:00Z', '2026-10-25T01:45:00Z'],
    ['the second time', '2026-10-25T01:30:00Z', '2026-10-25T01:45:00Z'],
    ['after it', '2026-10-25T01:45:00Z', null],
  ])('when clocks go back an hour that is twice is quiet %s', (_, now, until) => {
    const entry = hours('02:15', '02:45', 'Europe/Berlin');
    expect(quietUntil([entry], at(now))).toEqual(until === null ? null : at(until));
  });

  it('ends some time, also when every hour is quiet', () => {
    const end = quietUntil([hours('00:00', '00:00')], at('2026-01-01T12:00:00Z'));
    expect(end!.getTime()).toBeGreaterThan(at('2027-01-01T00:00:00Z').getTime());
  });

  it('is quiet until the end it names and not at it, in any zone', () => {
    const time = fc.integer({ min: 0, max: 1439 }).map((minutes) => {
      const two = (value: number): string => String(value).padStart(2, '0');
      return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
    });
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu');
    const entry = fc.record({
      from: time,
      until: time,
      timeZone: zone,
      days: fc.subarray(EVERY_DAY, { minLength: 1, maxLength: 3 }),
    });
    const now = fc.date({ min: at('2026-01-01T00:00:00Z'), max: at('2026-12-31T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 2 }), now, (entries, moment) => {
        const until = quietUntil(entries, moment);
        if (until === null) return;
        expect(until.getTime()).toBeGreaterThan(moment.getTime());
        expect(quietUntil(entries, new Date(until.getTime() - 1))).toEqual(until);
        expect(quietUntil(entries, until)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});
