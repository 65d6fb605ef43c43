import { describe, expect, it } from '@jest/globals';
import { advanceRollout, DECISION_VERSION } from '../src/rollouts/domain/advance-rollout.js';
import { policyDigest } from '../src/rollouts/policy-digest.js';
import { storedHistories } from './support/histories.js';

/** What was decided in real runs is decided again by the functions of now; see test/fixtures/decisions/README.md. */
describe('stored histories of decisions', () => {
  const histories = storedHistories();

  it('are there, of several ends', () => {
    const ends = histories.map(([, { decisions }]) => decisions.at(-1)?.decision.status.phase);
    expect(ends).toEqual(expect.arrayContaining(['Promoted', 'Aborted', 'RolledBack']));
  });

  it.each(histories)('%s', (_, { rollout, decisions }) => {
    expect(decisions.length).toBeGreaterThan(1);
    for (const { before, observation, decision, policy, functions } of decisions) {
      expect(policy).toBe(policyDigest(rollout.spec.policy));
      if (observation === null || functions !== DECISION_VERSION) continue;
      expect(advanceRollout({ ...rollout, status: before }, observation)).toEqual(decision);
    }
  });

  it.each(histories)('%s has no gap: every decision begins where the one before ended', (_, { decisions }) => {
    decisions.slice(1).forEach(({ before }, index) => {
      expect(before).toEqual(decisions[index]?.decision.status);
    });
  });

  it('would notice a changed threshold', () => {
    const changed = histories.flatMap(([, { rollout, decisions }]) =>
      decisions.filter(({ before, observation, decision }) => {
        if (observation === null) return false;
        const readings = observation.readings.map((reading) => ({ ...reading, verdict: 'BLIND' as const }));
        const other = advanceRollout({ ...rollout, status: before }, { ...observation, readings });
        return JSON.stringify(other) !== JSON.stringify(decision);
      }),
    );
    expect(changed.length).toBeGreaterThan(0);
  });
});
