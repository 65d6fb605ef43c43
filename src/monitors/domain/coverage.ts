import type { MonitorPolicy } from '../../models/index.js';
import type { Window } from '../../telemetry/index.js';
import type { MonitorName } from './finding.js';
import { type Statement, undecided } from './statement.js';

/**
 * Coverage: logged requests over served ones, where the data plane says how many it served. Loggers lose events, and not by
 * chance (KServe's drops the rest when its queue is full), so what was logged of a poorly covered window is no sample.
 */

/** Newest windows that the share is over. */
const MOST_WINDOWS = 30;
/** Below so many served requests nothing is said. A count needs no test, but of one request half cannot be missing. */
const LEAST_SERVED = 20;
const RECENT_SERVED = 1_000;
const MOST_GAPS = 200;

/** Plain data: survives JSON bit for bit. */
export interface CoverageState {
  /** The newest windows whose served requests are known, oldest first: `[start, end, logged, served]`. */
  readonly recent: readonly (readonly [number, number, number, number])[];
  /** Times `[from, until)` that were covered too poorly, oldest first. */
  readonly gaps: readonly (readonly [number, number])[];
}

export const NEW_COVERAGE: CoverageState = { recent: [], gaps: [] };

/** True when what this window holds may be taken for all that was served in it; also when nobody says. */
export function isCovered(window: Pick<Window, 'requests' | 'served'>, floor: number): boolean {
  return window.served === null || window.requests >= floor * window.served;
}

/** Adds one window. */
export function observeCoverage(
  state: CoverageState,
  window: Pick<Window, 'requests' | 'served' | 'start' | 'seconds'>,
  floor: number,
): CoverageState {
  if (window.served === null || window.served === 0) return state;
  const from = window.start.getTime();
  const until = from + window.seconds * 1000;
  return {
    recent: newest([...state.recent, [from, until, window.requests, window.served] as const]),
    gaps: isCovered(window, floor) ? state.gaps : addGap(state.gaps, from, until),
  };
}

/**
 * Whether what was observed about a request of that time may be fed: `skip` when its window was covered too poorly, `wait`
 * while its window is not judged yet, which only matters where served requests are counted at all.
 *
 * @param judgedUntil every window that starts before it has been looked at
 */
export function mayFeed({ recent, gaps }: CoverageState, at: Date, judgedUntil: Date): 'feed' | 'skip' | 'wait' {
  const time = at.getTime();
  if (gaps.some(([from, until]) => from <= time && time < until)) return 'skip';
  return recent.length > 0 && at >= judgedUntil ? 'wait' : 'feed';
}

/** What may be fed of rows in their order, up to the first that has to wait, and the last row that is dealt with. */
export function feedable<Row extends { readonly at: Date }>(
  state: CoverageState,
  rows: readonly Row[],
  judgedUntil: Date,
): { readonly rows: readonly Row[]; readonly last: Row | undefined } {
  const wait = rows.findIndex((row) => mayFeed(state, row.at, judgedUntil) === 'wait');
  const done = wait < 0 ? rows : rows.slice(0, wait);
  return { rows: done.filter((row) => mayFeed(state, row.at, judgedUntil) === 'feed'), last: done.at(-1) };
}

/** Logged over served requests of the newest windows, at most 1; null when nobody says or too few were served. */
export function recentCoverage({ recent }: CoverageState): {
  readonly share: number;
  readonly logged: number;
  readonly served: number;
  readonly newestAt: Date;
} | null {
  const logged = recent.reduce((sum, [, , count]) => sum + count, 0);
  const served = recent.reduce((sum, [, , , count]) => sum + count, 0);
  const last = recent.at(-1);
  if (last === undefined || served < LEAST_SERVED) return null;
  return { share: Math.min(1, logged / served), logged, served, newestAt: new Date(last[1]) };
}

/** What the coverage monitor states now. */
export function stateCoverage(
  state: CoverageState,
  { minimumCoverage }: Pick<MonitorPolicy, 'minimumCoverage'>,
): Statement {
  const falseAlarm = 'It is a count, not a test: it alarms when and only when less was logged than the floor allows.';
  const coverage = recentCoverage(state);
  if (coverage === null) {
    const why =
      state.recent.length === 0
        ? 'Nobody says how many requests were served, so nobody knows what is missing.'
        : `Fewer than ${LEAST_SERVED} served requests so far.`;
    return undecided(why, falseAlarm);
  }
  const { share, logged, served, newestAt } = coverage;
  const entry = (name: string, value: number, samples: number) => ({
    ...{ name, value, samples, newestAt, series: 1, warnings: [] },
    query: `newest ${state.recent.length} closed windows of the champion whose served requests are known`,
  });
  return {
    state: share < minimumCoverage ? 'alarm' : 'calm',
    evidence: [
      entry('coverage_ratio', share, served),
      entry('floor_ratio', minimumCoverage, served),
      entry('logged_requests', logged, served),
      entry('served_requests', served, served),
    ],
    falseAlarm,
    explanation: `Of the newest ${served} served requests ${logged} were logged (${(share * 100).toFixed(1)} %); ${(minimumCoverage * 100).toFixed(1)} % is the floor.`,
    changeAt: null,
    level: null,
    // What is missing, so that a higher score is worse as everywhere.
    scores: [{ name: 'missing', score: 1 - share, threshold: 1 - minimumCoverage }],
  };
}

/**
 * What monitors may state while coverage is below the floor: nobody knows what the missing requests were like, so neither
 * calm nor alarm follows from the others. Two kinds of statement do not depend on that: coverage itself with the cost,
 * which counts what was served and judges no hour without windows, and an alarm of latency or errors, which are fed as if all that is missing had been fast
 * and right.
 */
export function gateByCoverage(statements: Map<MonitorName, Statement>): Map<MonitorName, Statement> {
  const coverage = statements.get('coverage');
  if (coverage?.state !== 'alarm') return statements;
  const share = coverage.evidence.find(({ name }) => name === 'coverage_ratio')?.value ?? 0;
  const reason = `Only ${(share * 100).toFixed(1)} % of the served requests were logged, so nobody knows what the others were like`;
  return new Map(
    [...statements].map(([monitor, statement]) => {
      if (statement.state === 'undecided' || standsAnyway(monitor, statement)) return [monitor, statement];
      const was = `it would be ${statement.state}: ${statement.explanation}`;
      return [monitor, { ...statement, state: 'undecided', explanation: `${reason}; ${was}`, changeAt: null }];
    }),
  );
}

function standsAnyway(monitor: MonitorName, { state }: Statement): boolean {
  if (monitor === 'coverage' || monitor === 'cost') return true;
  return state === 'alarm' && (monitor === 'latency' || monitor === 'errors');
}

function newest(recent: CoverageState['recent']): CoverageState['recent'] {
  let served = 0;
  let from = recent.length;
  while (from > 0 && served < RECENT_SERVED) {
    from -= 1;
    served += recent[from]![3];
  }
  return recent.slice(Math.max(from, recent.length - MOST_WINDOWS));
}

function addGap(gaps: CoverageState['gaps'], from: number, until: number): CoverageState['gaps'] {
  const last = gaps.at(-1);
  if (last !== undefined && last[1] === from) return [...gaps.slice(0, -1), [last[0], until]];
  return [...gaps, [from, until] as const].slice(-MOST_GAPS);
}
