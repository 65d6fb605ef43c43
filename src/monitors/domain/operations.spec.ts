import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import type { ModelSpec } from '../../models/index.js';
import { someDigest, someSpec } from '../../models/testing/index.js';
import type { Window } from '../../telemetry/index.js';
import { aWindow } from '../testing/index.js';
import { type BurnState, NEW_BURN, observeBurn } from './burn-rate.js';
import { closeHours, NEW_COST, observeCost, stateCost } from './cost.js';
import { feedable, gateByCoverage, isCovered, NEW_COVERAGE, observeCoverage, stateCoverage } from './coverage.js';
import type { FindingState, MonitorName } from './finding.js';
import { MONITORS } from './finding.js';
import {
  NEW_OPERATIONS,
  observeOperations,
  type OperationsState,
  settleOperations,
  stateOperations,
} from './operations.js';
import { slowRequests } from './operations-monitor.js';
import { type Statement, undecided } from './statement.js';

const V = someDigest('a');
const RULES = [
  { longSeconds: 3_600, shortSeconds: 300, factor: 14.4 },
  { longSeconds: 21_600, shortSeconds: 1_800, factor: 6 },
];
const SINCE = new Date(0);
const SIZES = { bytes: 250, reference: 1_000 };

function spec(
  changes: Partial<ModelSpec['monitors']> = {},
  objectives: Partial<ModelSpec['objectives']> = {},
): ModelSpec {
  const base = someSpec();
  return {
    ...base,
    objectives: { ...base.objectives, latencyP95Ms: 10, ...objectives },
    monitors: { ...base.monitors, minimumSamples: 200, burnRates: RULES, ...changes },
  };
}

/** Windows of a minute from `minute` on. */
function minutes(from: number, count: number, of: Parameters<typeof aWindow>[2]): Window[] {
  return Array.from({ length: count }, (_, i) => ({ ...aWindow(V, (from + i) * 60, of), seconds: 60 }));
}

function judge(windows: readonly Window[], document = spec(), later = 0) {
  const state = windows.reduce((so, window) => observeOperations(so, window, document, SINCE), NEW_OPERATIONS);
  const end = (windows.at(-1)?.start.getTime() ?? 0) + 60_000 + later;
  const statements = stateOperations(state, windows.slice(-6), document, SIZES, new Date(end));
  return (monitor: MonitorName): Statement => statements.get(monitor)!;
}

describe('burn rates', () => {
  it.each([
    ['errors as allowed', minutes(0, 70, { requests: 100, errors: 1 }), 'calm', null],
    [
      'one bad minute in an hour',
      [...minutes(0, 59, { requests: 100 }), ...minutes(59, 1, { requests: 100, errors: 5 })],
      'calm',
      null,
    ],
    [
      'a steep rise',
      [...minutes(0, 60, { requests: 100 }), ...minutes(60, 20, { requests: 100, errors: 50 })],
      'alarm',
      '1 h and 5 min',
    ],
    [
      'a slow burn',
      [...minutes(0, 300, { requests: 10 }), ...minutes(300, 260, { requests: 10, errors: 1 })],
      'alarm',
      '6 h and 30 min',
    ],
    [
      'a steep rise that is over',
      [
        ...minutes(0, 60, { requests: 100 }),
        ...minutes(60, 15, { requests: 100, errors: 50 }),
        ...minutes(75, 32, { requests: 100 }),
      ],
      'calm',
      null,
    ],
    ['one error on next to no traffic', minutes(0, 60, { requests: 1, errors: 1 }), 'undecided', null],
  ] as const)('%s: %#', (_, windows, state, rule) => {
    const statement = judge(windows)('errors');
    expect(statement.state).toBe(state);
    if (rule !== null) expect(statement.explanation).toContain(rule);
  });

  it('reads slow requests from the sketch, and says which rule fires', () => {
    const slow = [...minutes(0, 60, { requests: 100 }), ...minutes(60, 70, { requests: 100, latencyMs: 30 })];
    const statement = judge(slow)('latency');
    expect(statement.state).toBe('alarm');
    expect(statement.explanation).toContain('The budget of slow requests burns');
    const names = statement.evidence.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['latency_p50_milliseconds', 'latency_p99_milliseconds', 'burn-3600s-300s.long']),
    );
    expect(statement.scores?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['p95-seconds', 'burn-21600s-1800s']),
    );
  });

  it('counts as slow only what certainly is, never more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 1_000, noNaN: true }), { maxLength: 60 }),
        fc.double({ min: 0.1, max: 900, noNaN: true }),
        (latencies, ceiling) => {
          const { slow, timed } = latencies.reduce(
            (sum, latencyMs) => {
              const one = slowRequests(aWindow(V, 0, { requests: 1, latencyMs }), ceiling);
              return { slow: sum.slow + one.slow, timed: sum.timed + one.timed };
            },
            { slow: 0, timed: 0 },
          );
          expect(timed).toBe(latencies.length);
          expect(slow).toBeLessThanOrEqual(latencies.filter((latency) => latency > ceiling).length);
          expect(slow).toBeGreaterThanOrEqual(latencies.filter((latency) => latency > ceiling * 1.04).length);
        },
      ),
    );
  });

  it('is not heard any more when nothing came for as long as its short window', () => {
    const windows = [...minutes(0, 60, { requests: 100 }), ...minutes(60, 20, { requests: 100, errors: 50 })];
    const later = judge(windows, spec(), 2 * 3_600_000)('errors');
    expect(later.explanation).not.toContain('burns');
  });

  it.each([
    ['calm', 1, 5 * 3_600_000],
    ['undecided', 1, 7 * 3_600_000],
    ['alarm', 50, 5 * 3_600_000],
    ['undecided', 50, 7 * 3_600_000],
  ])('is %s about errors (%p of 100 failed) when nobody asked for %p ms', (state, errors, later) => {
    expect(judge(minutes(0, 20, { requests: 100, errors }), spec(), later)('errors').state).toBe(state);
  });

  it('keeps its promise on streams whose error ratio is the allowed one', () => {
    const every = 20_000;
    let requests = 0;
    let alarms = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      let burn: BurnState = NEW_BURN;
      let was = false;
      for (let minute = 0; minute < 60; minute += 1) {
        let bad = 0;
        for (let i = 0; i < 20; i += 1) if (random() < 0.01) bad += 1;
        requests += 20;
        burn = observeBurn(
          burn,
          { start: minute * 60_000, seconds: 60, requests: 20, bad },
          [{ longSeconds: 600, shortSeconds: 60, factor: 2 }],
          0.01,
          1 / every,
        );
        const fires = burn.looks.some((look) => look.fires);
        if (fires && !was) alarms += 1;
        was = fires;
      }
    }
    expect(alarms).toBeLessThanOrEqual(requests / every);
  });

  it('holds a bounded number of buckets, survives JSON and follows the rules of the document', () => {
    const rule = { longSeconds: 86_400, shortSeconds: 1, factor: 2 };
    let burn: BurnState = NEW_BURN;
    for (let i = 0; i < 3_000; i += 1)
      burn = observeBurn(burn, { start: i * 60_000, seconds: 60, requests: 5, bad: i % 2 }, [rule], 0, 1);
    expect(burn.rings['86400/1']?.buckets.length).toBeLessThanOrEqual(500);
    expect(JSON.parse(JSON.stringify(burn))).toEqual(burn);
    expect(burn.looks[0]?.longBurn).toBe(1e9);
    const other = observeBurn(burn, { start: 180_000_000, seconds: 60, requests: 5, bad: 0 }, RULES, 0.01, 1);
    expect(Object.keys(other.rings)).toEqual(['3600/300', '21600/1800']);
  });
});

describe('cost', () => {
  const dear = spec({ cost: { perHour: 6, currency: 'EUR' } }, { maxCostPerThousand: 2 });

  it.each([
    ['cheap enough', 50, 3_700_000, 'calm', 'cost 2 EUR'],
    ['too dear', 40, 3_700_000, 'alarm', 'cost 2.5 EUR'],
    ['no whole hour yet', 40, 100_000, 'undecided', 'No whole hour'],
    ['dear once, then no telemetry for an hour', 40, 3 * 3_600_000 + 1, 'undecided', 'No telemetry arrived'],
  ])('%s', (_, requests, now, state, words) => {
    const windows = minutes(0, 60, { requests }).filter((window) => window.start.getTime() < now);
    const fed = windows.reduce((so, window) => observeCost(so, window, SINCE), NEW_COST);
    const statement = stateCost(closeHours(fed, now, SINCE), 2, dear.monitors, SIZES);
    expect(statement.state).toBe(state);
    expect(statement.explanation).toContain(words);
    expect(statement.evidence.find(({ name }) => name === 'size_ratio')?.value).toBe(0.25);
  });

  it('ends an alarm when the next hour has no windows, and judges again when they are back', () => {
    const states: string[] = [];
    let state = NEW_COST;
    for (const requests of [40, null, null, 40, 60]) {
      const hour = states.length * 60;
      const windows = requests === null ? [] : minutes(hour, 60, { requests });
      state = windows.reduce((so, window) => observeCost(so, window, SINCE), state);
      state = closeHours(state, (hour + 60) * 60_000, SINCE);
      states.push(stateCost(state, 2, dear.monitors, SIZES).state);
    }
    expect(states).toEqual(['alarm', 'undecided', 'undecided', 'alarm', 'calm']);
  });

  it('does not take windows of a closed hour for requests of the open one', () => {
    const closed = closeHours(NEW_COST, 3_600_000, SINCE);
    const late = minutes(30, 30, { requests: 1_000 }).reduce((so, window) => observeCost(so, window, SINCE), closed);
    expect(late).toEqual(closed);
  });

  it('counts what was served where that is more than was logged', () => {
    const [window] = minutes(0, 1, { requests: 10, served: 100 });
    expect(observeCost(NEW_COST, window!, SINCE).requests).toBe(100);
  });

  it.each([
    ['no cost in the document', spec({}, { maxCostPerThousand: 2 }), 'does not say'],
    ['no ceiling', spec({ cost: { perHour: 6, currency: 'EUR' } }), 'no ceiling'],
  ])('is undecided with %s', (_, document, words) => {
    const state = { from: 3_600_000, requests: 0, last: { from: 0, requests: 100 } };
    const statement = stateCost(state, document.objectives.maxCostPerThousand, document.monitors, SIZES);
    expect(statement).toMatchObject({ state: 'undecided' });
    expect(statement.explanation).toContain(words);
  });

  it('seldom alarms while requests come at just the rate that meets the ceiling', () => {
    let alarms = 0;
    const policy = { cost: { perHour: 6, currency: 'EUR' }, falseAlarmEvery: 100_000 };
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      let requests = 0;
      for (let time = -Math.log(1 - random()); time < 3_000; time -= Math.log(1 - random())) requests += 1;
      if (stateCost({ from: 0, requests: 0, last: { from: 0, requests } }, 2, policy, SIZES).state === 'alarm')
        alarms += 1;
    }
    // 300 hours of 3,000 requests at A = 100,000 allow 9.
    expect(alarms).toBeLessThanOrEqual(18);
  });
});

describe('coverage', () => {
  it.each([
    ['nobody says', null, 'undecided'],
    ['all was logged', 100, 'calm'],
    ['enough was logged', 105, 'calm'],
    ['half is missing', 200, 'alarm'],
  ])('%s: %p served of 100 logged', (_, served, state) => {
    const windows = minutes(0, 5, { requests: 100, served });
    expect(judge(windows)('coverage').state).toBe(state);
    expect(isCovered(windows[0]!, 0.95)).toBe(state !== 'alarm');
  });

  it('takes a poorly covered window out of what is fed, and lets rows of open windows wait', () => {
    const row = (second: number) => ({ at: new Date(second * 1000) });
    const gap = [...minutes(0, 1, { requests: 100, served: 100 }), ...minutes(1, 1, { requests: 50, served: 100 })];
    const state = gap.reduce((so, window) => observeCoverage(so, window, 0.95), NEW_COVERAGE);
    const rows = [row(10), row(70), row(130), row(200), row(140)];
    expect(feedable(state, rows, new Date(180_000))).toEqual({ rows: [row(10), row(130)], last: row(130) });
    expect(feedable(NEW_COVERAGE, rows, new Date(180_000)).rows).toHaveLength(5);
  });

  it('joins neighbouring gaps and keeps a bounded number of them', () => {
    const state = minutes(0, 1_000, { requests: 1, served: 100 }).reduce(
      (so, window, i) => (i % 2 === 0 || i < 10 ? observeCoverage(so, window, 0.95) : so),
      NEW_COVERAGE,
    );
    expect(state.gaps.length).toBeLessThanOrEqual(200);
    const joined = minutes(0, 5, { requests: 1, served: 100 }).reduce(
      (so, window) => observeCoverage(so, window, 0.95),
      NEW_COVERAGE,
    );
    expect(joined.gaps).toEqual([[0, 300_000]]);
  });

  it('takes what is missing as fast and right, so an alarm of errors stands without it', () => {
    const some = minutes(0, 20, { requests: 100, errors: 5, served: 1_000 });
    expect(judge(some)('errors').state).toBe('calm');
    const many = minutes(0, 20, { requests: 500, errors: 400, served: 1_000 });
    expect(judge(many)('errors').state).toBe('alarm');
  });

  describe('below the floor', () => {
    const low = stateCoverage(
      minutes(0, 5, { requests: 50, served: 100 }).reduce(
        (so, window) => observeCoverage(so, window, 0.95),
        NEW_COVERAGE,
      ),
      { minimumCoverage: 0.95 },
    );
    const said = (state: FindingState): Statement => ({ ...undecided('It is so.', 'rarely'), state });

    it.each(MONITORS.filter((monitor) => monitor !== 'coverage'))('%s is not calm', (monitor) => {
      const gated = gateByCoverage(
        new Map([
          ['coverage', low],
          [monitor, said('calm')],
        ]),
      ).get(monitor)!;
      expect(gated.state).toBe(monitor === 'cost' ? 'calm' : 'undecided');
      if (monitor !== 'cost')
        expect(gated.explanation).toMatch(/^Only 50\.0 % of the served requests were logged.*it would be calm/);
    });

    it.each([
      ['errors', 'alarm'],
      ['latency', 'alarm'],
      ['cost', 'alarm'],
      ['accuracy', 'undecided'],
      ['input-drift', 'undecided'],
      ['estimated-accuracy', 'undecided'],
    ] as const)('an alarm of %s becomes %s', (monitor, state) =>
      expect(
        gateByCoverage(
          new Map([
            ['coverage', low],
            [monitor, said('alarm')],
          ]),
        ).get(monitor)?.state,
      ).toBe(state),
    );

    it('changes nothing while the floor is kept', () => {
      const statements = new Map<MonitorName, Statement>([
        ['coverage', { ...low, state: 'calm' }],
        ['accuracy', said('calm')],
      ]);
      expect(gateByCoverage(statements)).toBe(statements);
    });
  });
});

describe('the state of operations', () => {
  it('is the same across JSON at any cut, for any windows', () => {
    const window = fc.record({
      requests: fc.nat(50),
      errors: fc.nat(50),
      served: fc.option(fc.nat(100)),
      latencyMs: fc.double({ min: 0.1, max: 100, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(window, { maxLength: 30 }), fc.nat(30), (given, cut) => {
        const document = spec({ minimumSamples: 20, cost: { perHour: 1, currency: 'EUR' } });
        const windows = given.flatMap((one, i) =>
          minutes(i * 7, 1, { ...one, errors: Math.min(one.errors, one.requests) }),
        );
        const feed = (state: OperationsState, some: readonly Window[]) =>
          some.reduce(
            (so, each) => settleOperations(observeOperations(so, each, document, SINCE), each.start, SINCE),
            state,
          );
        const whole = feed(NEW_OPERATIONS, windows);
        const copy = JSON.parse(JSON.stringify(feed(NEW_OPERATIONS, windows.slice(0, cut)))) as OperationsState;
        expect(feed(copy, windows.slice(cut))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });
});
