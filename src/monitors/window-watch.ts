import type { Model } from '../models/index.js';
import type { Window, WindowStore } from '../telemetry/index.js';
import { NEW_DRIFT_MONITOR, observeDrift, stateDrift } from './domain/drift-monitor.js';
import type { MonitorName } from './domain/finding.js';
import { tallyInputs, tallyPredictions } from './domain/histograms.js';
import { NEW_ERRORS_MONITOR, observeErrors, stateErrors, stateLatency } from './domain/operations-monitor.js';
import type { Statement } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { Baseline, BaselineStore, DetectorRecord, DetectorStore } from './ports.js';

const NAME = 'windows';
/** Latency is judged by windows that are no older. */
const LEAST_RECENT_MS = 60_000;

const FRESH = { inputs: NEW_DRIFT_MONITOR, predictions: NEW_DRIFT_MONITOR, errors: NEW_ERRORS_MONITOR };
type State = typeof FRESH;

/** Feeds the monitors that read windows: latency, errors, input drift and prediction drift. */
export class WindowWatch {
  constructor(
    private readonly windows: WindowStore,
    private readonly baselines: BaselineStore,
    private readonly detectors: DetectorStore,
    private readonly settings: { readonly baselineSeconds: number; readonly windowGraceMs: number },
  ) {}

  /** Call it inside the unit of work that saves the findings. */
  async pass(
    model: Model,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    now: Date,
  ): Promise<Map<MonitorName, Statement>> {
    const policy = model.spec.monitors;
    const { latencyP95Ms, maxErrorRatio } = model.spec.objectives;
    const record = known.get(NAME) as DetectorRecord<State> | undefined;
    const baseline = await this.baseline(watch, policy.minimumSamples, now);
    const recentFrom = now.getTime() - Math.max(LEAST_RECENT_MS, model.spec.telemetry.windowSeconds * 6_000);
    const cursor = record?.cursor ?? watch.since.getTime() - 1;
    const all = await this.closed(watch, new Date(Math.max(watch.since.getTime(), Math.min(cursor, recentFrom))), now);
    const fresh = all.filter((window) => window.start.getTime() > cursor);
    const state = fresh.reduce((before, window) => this.feed(before, window, baseline, model), record?.state ?? FRESH);
    const newest = fresh.at(-1);
    if (newest !== undefined) await this.detectors.save(watch, NAME, { state, cursor: newest.start.getTime() });
    const recent = all.filter((window) => window.start.getTime() >= recentFrom);
    return new Map<MonitorName, Statement>([
      ['latency', stateLatency(recent, latencyP95Ms, policy)],
      ['errors', stateErrors(state.errors, maxErrorRatio, policy)],
      ['input-drift', stateDrift('input', state.inputs, baseline?.inputs ?? null, policy)],
      ['prediction-drift', stateDrift('prediction', state.predictions, baseline?.predictions ?? null, policy)],
    ]);
  }

  private feed(state: State, window: Window, baseline: Baseline | null, model: Model): State {
    const policy = model.spec.monitors;
    const errors = observeErrors(state.errors, window, model.spec.objectives.maxErrorRatio, policy);
    if (baseline === null || window.start < baseline.until) return { ...state, errors };
    const at = window.newestAt.getTime();
    return {
      errors,
      inputs: observeDrift(state.inputs, baseline.inputs, tallyInputs([window]), at, policy),
      predictions: observeDrift(state.predictions, baseline.predictions, tallyPredictions([window]), at, policy),
    };
  }

  /**
   * The frozen baseline; freezes it when enough answers are there: the version's own windows shortly before its period
   * (as a candidate it had a random share of the traffic), then those after, until there are `minimum` answers.
   */
  private async baseline(watch: Watch, minimum: number, now: Date): Promise<Baseline | null> {
    const frozen = await this.baselines.find(watch);
    if (frozen !== null) return frozen;
    const from = new Date(watch.since.getTime() - this.settings.baselineSeconds * 1000);
    const windows = await this.closed(watch, from, now);
    const used: Window[] = [];
    let requests = 0;
    for (const window of windows) {
      if (window.start >= watch.since && requests >= minimum) break;
      used.push(window);
      requests += window.requests;
    }
    const last = used.at(-1);
    if (last === undefined || requests < minimum) return null;
    const until = new Date(last.start.getTime() + 1);
    const baseline = { inputs: tallyInputs(used), predictions: tallyPredictions(used), until };
    await this.baselines.freeze(watch, baseline);
    return baseline;
  }

  private async closed(watch: Watch, since: Date, now: Date): Promise<Window[]> {
    const windows = await this.windows.list(watch.model, watch.version, since);
    const latest = now.getTime() - this.settings.windowGraceMs;
    return windows.filter((window) => window.start.getTime() + window.seconds * 1000 <= latest);
  }
}
