import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MONITORS, type Finding, type FindingState, type RescoreTally } from '../../monitors/index.js';
import { aFinding, later, T0 } from '../testing/index.js';
import { type Attribution, attribute, type Situation } from './attribution.js';
import { laddersMarkdown } from './ladder-markdown.js';
import { DECISION_TABLE, type DecisionRow, decisionTableMarkdown, rowFor, type Signals } from './decision-table.js';

const SITUATION: Situation = {
  now: later(10),
  task: 'classification',
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

const undecidedBut = (...monitors: Parameters<typeof aFinding>[0][]): Finding[] =>
  MONITORS.map((monitor) => aFinding(monitor, monitors.includes(monitor) ? 'alarm' : 'undecided'));

const ROWS: [row: string, findings: Finding[], situation: Partial<Situation>, cause: Attribution['cause']][] = [
  ['monitored-worse', alarms('mean-error'), { task: 'other' }, 'none'],
  ['monitored-worse', alarms('output-distance', 'latency', 'input-drift'), { task: 'other' }, 'none'],
  ['monitored-only', alarms('latency', 'cost', 'prediction-drift'), { task: 'other' }, 'none'],
  ['monitored-only', [], { task: 'other', championIsReference: true }, 'none'],
  ['too-early', [], { championIsReference: true, samples: 499 }, 'none'],
  [
    'reference-outdated',
    alarms('accuracy'),
    { championIsReference: true, compressionExhausted: true },
    'world-changed',
  ],
  ['nothing-compressed', [], { championIsReference: true }, 'no-compressed-champion'],
  ['nothing-compressed', alarms('accuracy', 'latency'), { championIsReference: true }, 'no-compressed-champion'],
  ['unseen', alarms('coverage'), {}, 'unclear'],
  ['unseen', alarms('coverage', 'fidelity', 'accuracy'), { sinceChange: REFERENCE_FINE }, 'unclear'],
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
  ['estimated-loss', alarms('estimated-accuracy'), {}, 'unclear'],
  ['estimated-loss', alarms('estimated-accuracy', 'latency', 'input-drift'), {}, 'unclear'],
  ['slow', alarms('latency'), {}, 'latency'],
  ['slow', alarms('latency', 'cost'), {}, 'latency'],
  ['expensive', alarms('cost'), {}, 'latency'],
  ['expensive', alarms('cost', 'input-drift', 'prediction-drift'), {}, 'latency'],
  ['slow', alarms('latency', 'input-drift', 'errors'), {}, 'latency'],
  ['failing', alarms('errors'), {}, 'none'],
  ['harmless-drift', alarms('input-drift', 'prediction-drift'), {}, 'none'],
  ['harmless-answers', alarms('prediction-drift'), {}, 'none'],
  ['not-yet', [], {}, 'none'],
  ['not-yet', undecidedBut(), {}, 'none'],
  ['slow', undecidedBut('latency'), {}, 'latency'],
  ['calm', alarms(), {}, 'none'],
  ['calm', alarms('reference-accuracy'), {}, 'none'],
];

const STATES = ['calm', 'alarm', 'undecided'] as const;
const VALUES: { readonly [column in keyof Signals]: readonly Signals[column][] } = {
  task: ['classification', 'other'],
  answers: STATES,
  champion: ['reference', 'compressed'],
  samples: ['few', 'enough'],
  ladder: ['open', 'exhausted'],
  accuracy: STATES,
  fidelity: STATES,
  reference: ['fine', 'worse', 'unknown'],
  gap: ['proven', 'none'],
  labels: ['awaited', 'overdue'],
  inputDrift: STATES,
  predictionDrift: STATES,
  estimatedAccuracy: STATES,
  coverage: STATES,
  latency: STATES,
  cost: STATES,
  errors: STATES,
};
/** Values that speak for no row but the last. */
const NOTHING_KNOWN: Signals = {
  ...{ task: 'classification', answers: 'undecided', champion: 'compressed', samples: 'enough', ladder: 'open' },
  ...{ accuracy: 'calm', fidelity: 'calm', reference: 'unknown', gap: 'none', labels: 'awaited' },
  ...{ inputDrift: 'undecided', predictionDrift: 'undecided', estimatedAccuracy: 'calm', coverage: 'undecided' },
  ...{ latency: 'undecided', cost: 'undecided', errors: 'undecided' },
};
const anySignals = fc.record(
  Object.fromEntries(Object.entries(VALUES).map(([column, values]) => [column, fc.constantFrom(...values)])),
) as unknown as fc.Arbitrary<Signals>;

describe('the decision table', () => {
  it.each(ROWS)('%s', (row, findings, situation, cause) => {
    const attribution = attribute(findings, { ...SITUATION, ...situation });
    expect({ row: attribution.row, cause: attribution.cause }).toEqual({ row, cause });
    expect(attribution.reasons.length).toBeGreaterThan(0);
  });

  it('has a situation above for every row', () => {
    expect(new Set(ROWS.map(([row]) => row))).toEqual(new Set(DECISION_TABLE.map((row) => row.name)));
  });

  // Generated: a new row gets its test by being there, and fails it where rows before it leave nothing for it.
  it.each(DECISION_TABLE.map((row) => [row.name, row] as const))('%s decides when nothing else is known', (_, row) => {
    expect(rowFor({ ...NOTHING_KNOWN, ...row.when })).toBe(row);
  });

  it.each(DECISION_TABLE.map((row) => [row.name, row] as const))(
    '%s loses to nothing but rows above it when one of its conditions fails',
    (_, row) => {
      for (const [column, wanted] of Object.entries(row.when) as [keyof Signals, string][])
        for (const other of VALUES[column].filter((value) => value !== wanted)) {
          const decided = rowFor({ ...NOTHING_KNOWN, ...row.when, [column]: other });
          expect(decided).not.toBe(row);
        }
    },
  );

  it('asks for more evidence in unclear rows only, and in each that more evidence could tell', () => {
    const asking = DECISION_TABLE.filter(({ asks }) => asks !== undefined);
    expect(asking.every(({ cause }) => cause === 'unclear')).toBe(true);
    const silent = DECISION_TABLE.filter(({ cause, asks }) => cause === 'unclear' && asks === undefined);
    expect(silent.map(({ name }) => name)).toEqual(['unseen']);
  });

  it('is the one in the README, and so are the ladders', () => {
    const path = join(import.meta.dirname, '../README.md');
    const fresh = (readme: string): string =>
      readme
        .replace(/(\| row \| when [^\n]*\n)(\|[^\n]*\n)+/, () => `${decisionTableMarkdown()}\n`)
        .replace(
          /(\| cause \| as it is written \|\n\| --- \| --- \|\n)(\|[^\n]*\n)+/,
          (_, head: string) => `${head}${laddersMarkdown()}\n`,
        );
    const readme = readFileSync(path, 'utf8');
    if (process.env['WRITE_DOCUMENTS'] === '1') writeFileSync(path, fresh(readme));
    else expect(readme).toBe(fresh(readme));
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

  it('the first row whose conditions hold decides, and no row lies in vain', () => {
    const holds = (row: DecisionRow, signals: Signals): boolean =>
      Object.entries(row.when).every(([column, value]) => signals[column as keyof Signals] === value);
    fc.assert(
      fc.property(anySignals, (signals) => {
        const row = rowFor(signals);
        const at = DECISION_TABLE.indexOf(row);
        expect(holds(row, signals)).toBe(true);
        expect(DECISION_TABLE.slice(0, at).some((earlier) => holds(earlier, signals))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('a model that is no classifier is never acted on', () => {
    fc.assert(
      fc.property(findings, sinceChange, fc.boolean(), (all, counts, bare) => {
        const situation = { ...SITUATION, task: 'other' as const, sinceChange: counts, championIsReference: bare };
        expect(attribute(all, situation).cause).toBe('none');
      }),
    );
  });

  it('a compressed champion with nothing but a latency or cost alarm is never a reason to train', () => {
    fc.assert(
      fc.property(findings, sinceChange, fc.constantFrom('latency', 'cost'), (all, counts, monitor) => {
        const pure = all.map((one) =>
          one.monitor === monitor
            ? aFinding(monitor, 'alarm')
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
