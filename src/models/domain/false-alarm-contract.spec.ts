import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { ALARMING_MONITORS, contractInWords, falseAlarmEvery } from './false-alarm-contract.js';

const NINETY_DAYS = { most: 1, days: 90, answersPerDay: 10_000 };

describe('the false-alarm contract', () => {
  it.each([
    ['one in 90 days at 10,000 answers a day', NINETY_DAYS, 3_600_000],
    ['two in as long: half of that', { ...NINETY_DAYS, most: 2 }, 1_800_000],
    ['100,000 answers a second', { ...NINETY_DAYS, answersPerDay: 8.64e9 }, 3.1104e12],
    ['hardly any traffic: still 100', { most: 10, days: 1, answersPerDay: 5 }, 100],
  ])('turns %s into A', (_, contract, every) => {
    expect(falseAlarmEvery({ contract, falseAlarmEvery: 7_777 })).toBe(every);
  });

  it('leaves A as it is stated without a contract, and 100,000 when nothing is', () => {
    expect(falseAlarmEvery({ contract: null, falseAlarmEvery: 7_777 })).toBe(7_777);
    expect(falseAlarmEvery({ contract: null })).toBe(100_000);
  });

  it('never promises less than was asked for, over all alarming monitors', () => {
    const amount = fc.double({ min: 0.01, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(amount, fc.integer({ min: 1, max: 3_660 }), amount, (most, days, answersPerDay) => {
        const every = falseAlarmEvery({ contract: { most, days, answersPerDay } });
        expect((ALARMING_MONITORS * days * answersPerDay) / every).toBeLessThanOrEqual(most * (1 + 1e-12));
      }),
    );
  });

  it('holds in a simulated quarter: four monitors that see different shares of the answers', () => {
    // A Shiryaev–Roberts statistic on errors of 5 %, bets on 10 %, started anew after each alarm: the monitors' machinery
    // at its least. Small figures, so that alarms are frequent enough to be counted: most 2 within 2,000 answers.
    const contract = { most: 2, days: 20, answersPerDay: 100 };
    const every = falseAlarmEvery({ contract });
    let alarms = 0;
    const quarters = 400;
    for (let quarter = 1; quarter <= quarters; quarter += 1)
      for (const [monitor, share] of [1, 1, 0.3, 0.02].entries()) {
        const random = seededRandom(quarter * 10 + monitor);
        let score = 0;
        for (let answer = 0; answer < contract.days * contract.answersPerDay; answer += 1) {
          if (random() >= share) continue;
          score = (1 + score) * (random() < 0.05 ? 2 : 0.9 / 0.95);
          if (score < every) continue;
          alarms += 1;
          score = 0;
        }
      }
    expect(alarms / quarters).toBeLessThanOrEqual(contract.most);
    expect(alarms / quarters).toBeGreaterThan(0.1);
  });

  it('says in words what was agreed', () => {
    expect(contractInWords({ contract: NINETY_DAYS })).toContain(
      'at most 1 false alarm expected in 90 days at 10,000 answers',
    );
    expect(contractInWords({ contract: NINETY_DAYS })).toMatch(/95 % confidence.* Alarms are bounded, not retrainings/);
    expect(contractInWords({ contract: { ...NINETY_DAYS, most: 3 } })).toContain('3 false alarms');
    expect(contractInWords({ contract: null })).toBeNull();
  });
});
