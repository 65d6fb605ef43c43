import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import type { Window } from '../../telemetry/index.js';
import { chiSquareTail } from './special-functions.js';
import { type Statement, undecided } from './statement.js';

/**
 * What a thousand requests cost: the cost of an hour over the requests of an hour. A model that is paid by the hour gets
 * dearer by the request when traffic falls, or when it needs a bigger machine. An hour of which no window tells a request is
 * not judged: nothing asked and nothing heard (the log or its reader was away) look the same from here.
 */
const HOUR_MS = 3_600_000;

/** Plain data: survives JSON bit for bit. Hours begin at the start of the period and do not overlap. */
export interface CostState {
  /** Start of the hour that is being counted, milliseconds since 1970; null before the first look. */
  readonly from: number | null;
  readonly requests: number;
  readonly last: { readonly from: number; readonly requests: number } | null;
}

export const NEW_COST: CostState = { from: null, requests: 0, last: null };

/**
 * Adds one window: what was served, where that is known, else what was logged. A window of an hour that is closed already
 * comes too late, and does not count for the hour that is open.
 */
export function observeCost(
  state: CostState,
  window: Pick<Window, 'start' | 'requests' | 'served'>,
  since: Date,
): CostState {
  const open = closeHours(state, window.start.getTime(), since);
  if (open.from !== null && window.start.getTime() < open.from) return open;
  return { ...open, requests: open.requests + Math.max(window.requests, window.served ?? 0) };
}

/** Closes the hours that have passed, with or without windows in them. */
export function closeHours(state: CostState, now: number, since: Date): CostState {
  const from = state.from ?? since.getTime();
  const hours = Math.floor((now - from) / HOUR_MS);
  if (hours < 1) return { ...state, from };
  const last = hours === 1 ? { from, requests: state.requests } : { from: from + (hours - 1) * HOUR_MS, requests: 0 };
  return { from: from + hours * HOUR_MS, requests: 0, last };
}

/** Sizes of what serves and of its reference; null where the catalog does not know one. */
export interface Sizes {
  readonly bytes: number | null;
  readonly reference: number | null;
}

/**
 * What the cost monitor states now. It alarms when so few requests in the newest hour have probability below λ/A while
 * they come at the rate λ that just meets the ceiling (Poisson), so at most n/A false alarms are expected in n requests.
 * It is undecided, and an alarm does not last, while the newest whole hour has no windows.
 */
export function stateCost(
  state: CostState,
  ceiling: number | null,
  policy: Pick<MonitorPolicy, 'cost' | 'falseAlarmEvery'>,
  sizes: Sizes,
): Statement {
  const every = policy.falseAlarmEvery.toLocaleString('en-US');
  const falseAlarm = `The expected number of false alarms within n requests is at most n/${every} while they cost no more than the ceiling; arrivals within an hour count as Poisson.`;
  const { cost } = policy;
  const { last } = state;
  const entry = entryOf(last);
  const evidence = [
    entry('size_bytes', sizes.bytes),
    entry('size_ratio', ratio(sizes)),
    entry('requests_per_hour', last === null ? null : last.requests),
  ];
  if (cost === null)
    return { ...undecided('The document does not say what serving costs (monitors.cost).', falseAlarm), evidence };
  if (last === null) return { ...undecided('No whole hour has passed since the promotion.', falseAlarm), evidence };
  if (last.requests === 0) {
    const hour = `It cost ${cost.perHour} ${cost.currency}, whether anybody asked is not known.`;
    return { ...undecided(`No telemetry arrived of the newest whole hour. ${hour}`, falseAlarm), evidence };
  }
  const perThousand = (cost.perHour * 1000) / last.requests;
  evidence.push(entry('cost_per_thousand', perThousand), entry('ceiling_per_thousand', ceiling));
  const says = `A thousand of the ${last.requests} requests of the newest hour cost ${Number(perThousand.toPrecision(3))} ${cost.currency}`;
  if (ceiling === null)
    return {
      ...undecided(`${says}; the document sets no ceiling (objectives.maxCostPerThousand).`, falseAlarm),
      evidence,
    };
  const expected = (cost.perHour * 1000) / ceiling;
  // P(Poisson(λ) ≤ N) is a chi-square tail: P(χ² with 2(N + 1) degrees > 2λ).
  const pValue = chiSquareTail(2 * expected, 2 * (last.requests + 1));
  const level = Math.min(1, expected / policy.falseAlarmEvery);
  evidence.push(entry('p_value', pValue));
  return {
    state: last.requests < expected && pValue < level ? 'alarm' : 'calm',
    evidence,
    falseAlarm,
    explanation: `${says}; ${ceiling} ${cost.currency} is the ceiling, which takes ${Math.ceil(expected)} requests an hour.`,
    changeAt: null,
    level: null,
    scores: [{ name: 'cost-per-thousand', score: perThousand, threshold: ceiling }],
  };
}

function entryOf(last: CostState['last']): (name: string, value: number | null) => Evidence {
  return (name, value) => ({
    name,
    value,
    samples: last === null ? 0 : last.requests,
    newestAt: last === null ? null : new Date(last.from + HOUR_MS),
    series: 1,
    warnings: [],
    query: 'requests of the newest whole hour of the champion; sizes from the catalog',
  });
}

function ratio({ bytes, reference }: Sizes): number | null {
  return bytes === null || reference === null || reference === 0 ? null : bytes / reference;
}
