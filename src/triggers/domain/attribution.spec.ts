import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MONITORS, type Finding, type FindingState, type RescoreTally } from '../../monitors/index.js';
import { aFinding, later, T0 } from '../testing/index.js';
import { type Attribution, attribute, type Situation } from './attribution.js';
import { DECISION_TABLE, decisionTableMarkdown } from './decision-table.js';

const SITUATION: Situation = {
  now: later(10),
  championIsReference: false,
  samples: 1_000,
  minimumSamples: 500,
  labelPatienceSeconds: 60,
  sinceChange: null,
  compressionExhausted: false,
};
const tally = (labelled: number, championErrors: number, referenceErrors: number): RescoreTally => ({
  ...{ compared: 300, disagreements: 30, labelled, championErrors, referenceErrors },
});
const alarms = (...monitors: Parameters<typeof aFinding>[0][]): Finding[] =>
  MONITORS.map((monitor) => aFinding(monitor, monitors.includes(monitor) ? 'alarm' : 'calm'));

const UNLABELLED = tally(0, 0, 0);
const REFERENCE_FINE = tally(200, 20, 4);
const REFERENCE_WORSE = tally(60, 15, 14);

const ROWS: [row: string, findings: Finding[], situation: Partial<Situation>, cause: Attribution['cause']][] = [
  ['too-early', [], { championIsReference: true, samples: 499 }, 'none'],
  [
    'reference-outdated',
    alarms('accuracy'),
    { championIsReference: true, compressionExhausted: true },
    'world-changed',
  ],
  ['nothing-compressed', [], { championIsReference: true }, 'no-compressed-champion'],
  ['nothing-compressed', alarms('accuracy', 'latency'), { championIsReference: true }, 'no-compressed-champion'],
  ['both-worse', alarms('accuracy', 'reference-accuracy'), { sinceChange: UNLABELLED }, 'world-changed'],
  ['both-worse', alarms('accuracy'), { sinceChange: REFERENCE_WORSE }, 'world-changed'],
  ['both-worse', alarms('accuracy', 'fidelity'), { sinceChange: REFERENCE_WORSE }, 'world-changed'],
  ['both-worse-by-fidelity', alarms('fidelity'), { sinceChange: REFERENCE_WORSE }, 'world-changed'],
  ['both-worse-by-fidelity', alarms('fidelity', 'reference-accuracy'), { sinceChange: UNLABELLED }, 'world-changed'],
  ['damage', alarms('fidelity'), { sinceChange: REFERENCE_FINE }, 'compression-damage'],
  ['damage', alarms('fidelity', 'accuracy', 'input-drift'), { sinceChange: REFERENCE_FINE }, 'compression-damage'],
  ['damage-without-labels', alarms('fidelity'), { sinceChange: UNLABELLED, now: later(61) }, 'compression-damage'],
  ['drift-without-labels', alarms('fidelity', 'input-drift'), { sinceChange: UNLABELLED, now: later(61) }, 'unclear'],
  ['awaiting-labels', alarms('fidelity'), { sinceChange: UNLABELLED }, 'unclear'],
  ['awaiting-labels', alarms('fidelity', 'accuracy'), { sinceChange: tally(29, 9, 0) }, 'unclear'],
  ['damage-by-labels', alarms('accuracy'), { sinceChange: tally(200, 30, 4) }, 'compression-damage'],
  ['small-loss', alarms('accuracy'), { sinceChange: tally(200, 8, 4) }, 'unclear'],
  ['reference-unknown', alarms('accuracy'), { sinceChange: tally(20, 6, 0) }, 'unclear'],
  ['slow', alarms('latency'), {}, 'latency'],
  ['slow', alarms('latency', 'input-drift', 'errors'), {}, 'latency'],
  ['failing', alarms('errors'), {}, 'none'],
  ['harmless-drift', alarms('input-drift', 'prediction-drift'), {}, 'none'],
  ['calm', alarms(), {}, 'none'],
  ['calm', [], {}, 'none'],
  ['calm', alarms('reference-accuracy'), {}, 'none'],
];

describe('the decision table', () => {
  it.each(ROWS)('%s', (row, findings, situation, cause) => {
    const attribution = attribute(findings, { ...SITUATION, ...situation });
    expect({ row: attribution.row, cause: attribution.cause }).toEqual({ row, cause });
    expect(attribution.reasons.length).toBeGreaterThan(0);
  });

  it('has a test for every row', () => {
    expect(new Set(ROWS.map(([row]) => row))).toEqual(new Set(DECISION_TABLE.map((row) => row.name)));
  });

  it('is the one in the README', () => {
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    expect(readme).toContain(decisionTableMarkdown());
  });
});

describe('the reference since the change', () => {
  it.each([
    ['few labels, all right', tally(30, 5, 0), 'unclear'],
    ['a hundred labels, two wrong', tally(120, 15, 2), 'compression-damage'],
    ['slightly worse than tolerated, not proven', tally(120, 15, 8), 'unclear'],
    ['clearly worse', tally(120, 30, 25), 'world-changed'],
  ])('%s: %s', (_, sinceChange, cause) => {
    expect(attribute(alarms('fidelity'), { ...SITUATION, sinceChange }).cause).toBe(cause);
  });

  it('is unknown while its monitor has not told what it tolerates', () => {
    const findings = [aFinding('fidelity', 'alarm'), aFinding('reference-accuracy', 'undecided', { evidence: [] })];
    expect(attribute(findings, { ...SITUATION, sinceChange: REFERENCE_FINE }).row).toBe('awaiting-labels');
  });
});

describe('whatever the monitors say', () => {
  const state = fc.constantFrom<FindingState>('calm', 'alarm', 'undecided');
  const findings = fc
    .tuple(...MONITORS.map(() => state))
    .map((states) => MONITORS.map((name, i) => aFinding(name, states[i]!)));
  const sinceChange = fc.option(
    fc
      .tuple(fc.nat(300), fc.nat(300), fc.nat(300))
      .map(([labelled, a, b]) => tally(labelled, Math.min(a, labelled), Math.min(b, labelled))),
  );

  it('a compressed champion with nothing but a latency alarm is never a reason to train', () => {
    fc.assert(
      fc.property(findings, sinceChange, (all, counts) => {
        const pure = all.map((one) =>
          one.monitor === 'latency'
            ? aFinding('latency', 'alarm')
            : { ...one, state: one.state === 'alarm' ? ('calm' as const) : one.state },
        );
        expect(attribute(pure, { ...SITUATION, sinceChange: counts }).cause).toBe('latency');
      }),
    );
  });

  it('no alarm, no cause', () => {
    fc.assert(
      fc.property(findings, sinceChange, (all, counts) => {
        const silent = all.filter((one) => one.state !== 'alarm');
        expect(attribute(silent, { ...SITUATION, sinceChange: counts }).cause).toBe('none');
      }),
    );
  });

  it('damage is never claimed while the reference alarms', () => {
    fc.assert(
      fc.property(findings, sinceChange, fc.boolean(), (all, counts, late) => {
        const worse = all.map((one) => (one.monitor === 'reference-accuracy' ? aFinding(one.monitor, 'alarm') : one));
        const now = later(late ? 100 : 10);
        expect(attribute(worse, { ...SITUATION, sinceChange: counts, now }).cause).not.toBe('compression-damage');
      }),
    );
  });
});

it('counts patience from when fidelity alarmed', () => {
  const finding = aFinding('fidelity', 'alarm', { since: later(50), changeAt: T0 });
  expect(attribute([finding], { ...SITUATION, sinceChange: UNLABELLED, now: later(100) }).row).toBe('awaiting-labels');
});
