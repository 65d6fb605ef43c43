import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { later, T0 } from '../testing/index.js';
import { budgetState, type TriggerCharge } from './trigger-budget.js';

const DAY = 86_400;
const charge = (second: number, runnerSeconds: number, gpuSeconds = 0): TriggerCharge => ({
  ...{ trigger: `t${second}`, runnerSeconds, gpuSeconds, at: later(second) },
});

describe('a budget of 24 hours', () => {
  const now = later(DAY);
  it.each([
    ['nothing spent', [], 100, { spentSeconds: 0, leftSeconds: 100, renewsAt: null }],
    ['some left', [charge(10, 30)], 100, { spentSeconds: 30, leftSeconds: 70, renewsAt: null }],
    ['spent', [charge(10, 60), charge(20, 60)], 100, { spentSeconds: 120, leftSeconds: 0, renewsAt: later(DAY + 10) }],
    ['overspent by much', [charge(10, 30), charge(20, 500)], 100, { leftSeconds: 0, renewsAt: later(DAY + 20) }],
    ['a day old', [charge(0, 500)], 100, { spentSeconds: 0, leftSeconds: 100, renewsAt: null }],
    ['a budget of nothing', [charge(10, 5)], 0, { spentSeconds: 5, leftSeconds: 0, renewsAt: null }],
  ])('%s', (_, charges, budget, expected) => {
    expect(budgetState(charges, 'runnerSeconds', budget, now)).toMatchObject(expected);
  });

  it('counts GPU time apart', () => {
    expect(budgetState([charge(10, 30, 90)], 'gpuSeconds', 100, now)).toMatchObject({
      spentSeconds: 90,
      leftSeconds: 10,
    });
  });

  it('has something left when it renews, and nothing a moment before', () => {
    const charges = fc.array(
      fc
        .tuple(fc.integer({ min: 1, max: DAY }), fc.integer({ min: 1, max: 500 }))
        .map(([at, spent]) => charge(at, spent)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(charges, fc.integer({ min: 1, max: 1_000 }), (all, budget) => {
        const { renewsAt, leftSeconds } = budgetState(all, 'runnerSeconds', budget, now);
        expect(renewsAt === null).toBe(leftSeconds > 0);
        if (renewsAt === null) return;
        expect(budgetState(all, 'runnerSeconds', budget, renewsAt).leftSeconds).toBeGreaterThan(0);
        const before = new Date(Math.max(renewsAt.getTime() - 1, T0.getTime()));
        expect(budgetState(all, 'runnerSeconds', budget, before).leftSeconds).toBe(0);
      }),
    );
  });
});
