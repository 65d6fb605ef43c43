import { describe, expect, it } from '@jest/globals';
import { ALARMING_MONITORS } from '../../models/index.js';
import { CONTRACTED, withContract } from './contract.js';
import type { MonitorName } from './finding.js';
import type { Statement } from './statement.js';

const EVIDENCE = {
  name: 'score',
  value: 1,
  samples: 1,
  newestAt: null,
  series: 1,
  warnings: [],
  query: 'a test',
};

function statement(changes: Partial<Statement> = {}): Statement {
  return {
    state: 'calm',
    evidence: [EVIDENCE],
    falseAlarm: 'Hardly any.',
    explanation: '',
    changeAt: null,
    level: null,
    ...changes,
  };
}

describe('findings under a false-alarm contract', () => {
  const statements = new Map<MonitorName, Statement>([
    ['accuracy', statement()],
    ['fidelity', statement({ state: 'undecided', evidence: [] })],
    ['errors', statement()],
  ]);

  it('say so where an alarm alone may open a trigger', () => {
    const worded = withContract(statements, { contract: { most: 1, days: 90, answersPerDay: 1_000 } });
    expect(worded.get('accuracy')?.falseAlarm).toMatch(
      /^Hardly any\. That keeps the contract: at most 1 false alarm expected/,
    );
    expect(worded.get('fidelity')?.falseAlarm).toBe('Hardly any.');
    expect(worded.get('errors')?.falseAlarm).toBe('Hardly any.');
    expect([...worded.keys()]).toEqual([...statements.keys()]);
  });

  it('say nothing without one', () => {
    expect(withContract(statements, { contract: null })).toBe(statements);
  });

  it('are of as many monitors as the contract is split over', () => {
    expect(CONTRACTED).toHaveLength(ALARMING_MONITORS);
  });
});
