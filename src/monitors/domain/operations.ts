import type { ModelSpec, MonitorPolicy } from '../../models/index.js';
import type { Window } from '../../telemetry/index.js';
import { withBurnRates } from './burn-finding.js';
import { type BurnState, NEW_BURN, observeBurn } from './burn-rate.js';
import { closeHours, type CostState, NEW_COST, observeCost, type Sizes, stateCost } from './cost.js';
import { type CoverageState, isCovered, NEW_COVERAGE, observeCoverage, stateCoverage } from './coverage.js';
import type { MonitorName } from './finding.js';
import {
  type ErrorsMonitorState,
  NEW_ERRORS_MONITOR,
  observeErrors,
  SLOW_BUDGET,
  slowRequests,
  stateErrors,
  stateLatency,
  testsOf,
} from './operations-monitor.js';
import { type Statement, undecided } from './statement.js';

/** What the monitors of operation keep. Plain data: survives JSON bit for bit. */
export interface OperationsState {
  readonly errors: ErrorsMonitorState;
  readonly errorBurn: BurnState;
  readonly latencyBurn: BurnState;
  readonly coverage: CoverageState;
  readonly cost: CostState;
}

export const NEW_OPERATIONS: OperationsState = {
  errors: NEW_ERRORS_MONITOR,
  errorBurn: NEW_BURN,
  latencyBurn: NEW_BURN,
  coverage: NEW_COVERAGE,
  cost: NEW_COST,
};

type Spec = Pick<ModelSpec, 'objectives' | 'monitors'>;

/**
 * Adds one closed window. Where its coverage is below the floor, what is missing counts as fast and right: so an alarm of
 * errors or latency does not depend on it.
 */
export function observeOperations(state: OperationsState, window: Window, spec: Spec, since: Date): OperationsState {
  const { objectives, monitors: policy } = spec;
  const missing = isCovered(window, policy.minimumCoverage) ? 0 : (window.served ?? 0) - window.requests;
  const requests = window.requests + missing;
  const { slow, timed } = slowRequests(window, objectives.latencyP95Ms);
  const about = { start: window.start.getTime(), seconds: window.seconds };
  const spend = 1 / (policy.falseAlarmEvery * testsOf(policy));
  return {
    errors: observeErrors(state.errors, { ...window, requests }, objectives.maxErrorRatio, policy),
    errorBurn: observeBurn(
      state.errorBurn,
      { ...about, requests, bad: window.errors },
      policy.burnRates,
      objectives.maxErrorRatio,
      spend,
    ),
    latencyBurn: observeBurn(
      state.latencyBurn,
      { ...about, requests: timed + missing, bad: slow },
      policy.burnRates,
      SLOW_BUDGET,
      spend,
    ),
    coverage: observeCoverage(state.coverage, window, policy.minimumCoverage),
    cost: observeCost(state.cost, window, since),
  };
}

/** Closes hours by the clock, so that no old one is judged as the newest while nothing arrives. `until`: no window that starts before it is still to come. */
export function settleOperations(state: OperationsState, until: Date, since: Date): OperationsState {
  return { ...state, cost: closeHours(state.cost, until.getTime(), since) };
}

/**
 * What the monitors of operation state now.
 * @param recent the newest closed windows, oldest first; latency is judged by those that are covered
 */
export function stateOperations(
  state: OperationsState,
  recent: readonly Window[],
  spec: Spec,
  sizes: Sizes,
  now: Date,
): Map<MonitorName, Statement> {
  const { objectives, monitors: policy } = spec;
  const covered = recent.filter((window) => isCovered(window, policy.minimumCoverage));
  const latency = stateLatency(covered, objectives.latencyP95Ms, policy);
  const errors = stateErrors(state.errors, objectives.maxErrorRatio, policy);
  return new Map<MonitorName, Statement>([
    ['latency', withBurnRates(latency, state.latencyBurn, 'slow requests', policy, now)],
    ['errors', withBurnRates(unlessStale(errors, state, policy, now), state.errorBurn, 'failed requests', policy, now)],
    ['cost', stateCost(state.cost, objectives.maxCostPerThousand, policy, sizes)],
    ['coverage', stateCoverage(state.coverage, policy)],
  ]);
}

/** A block of requests says nothing about now when it is older than this, or than the longest burn-rate window. */
const STALE_MS = 3_600_000;

function unlessStale(
  errors: Statement,
  { errors: { last, pending } }: OperationsState,
  policy: Pick<MonitorPolicy, 'burnRates' | 'minimumSamples'>,
  now: Date,
): Statement {
  const longestMs = Math.max(STALE_MS, ...policy.burnRates.map(({ longSeconds }) => longSeconds * 1000));
  if (last === null || now.getTime() - last.at <= longestMs) return errors;
  const hours = Math.floor((now.getTime() - last.at) / 3_600_000);
  const reason = `Only ${pending.requests} requests in the last ${hours} h; ${policy.minimumSamples} are needed.`;
  return { ...undecided(reason, errors.falseAlarm), evidence: errors.evidence };
}
