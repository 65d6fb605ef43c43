import type { Model, MonitorPolicy, VersionCatalog } from '../models/index.js';
import type { Window, WindowStore } from '../telemetry/index.js';
import { stateDrift } from './domain/drift-finding.js';
import { designDrift, type DriftDesign, NEW_DRIFT_MONITOR, observeDrift } from './domain/drift-monitor.js';
import type { Sizes } from './domain/cost.js';
import { isCovered } from './domain/coverage.js';
import type { MonitorName } from './domain/finding.js';
import { tallyInputs, tallyPredictions } from './domain/histograms.js';
import { NEW_OPERATIONS, observeOperations, settleOperations, stateOperations } from './domain/operations.js';
import type { Statement } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { Baseline, BaselineStore, DetectorRecord, DetectorStore } from './ports.js';
import type { Judged } from './rate-watch.js';

const NAME = 'windows';
/** Latency is judged by windows that are no older. */
const LEAST_RECENT_MS = 60_000;

const FRESH = { inputs: NEW_DRIFT_MONITOR, predictions: NEW_DRIFT_MONITOR, operations: NEW_OPERATIONS };
type State = typeof FRESH;

/** What the drift monitors make of a baseline. */
interface Drift {
  readonly inputs: DriftDesign;
  readonly predictions: DriftDesign;
  readonly until: Date;
}

/** What a look at the windows gave. */
export interface WindowsPass {
  readonly statements: Map<MonitorName, Statement>;
  /** The closed windows that no pass saw before, oldest first, only those that are covered. */
  readonly covered: readonly Window[];
  readonly judged: Judged;
}

/**
 * Feeds the monitors that read windows: latency, errors, cost, coverage, input drift and prediction drift. Each window is
 * fed once, `windowGraceMs` after its end; what is added to it later is counted in it but reaches no detector.
 */
export class WindowWatch {
  /** By model. */
  private readonly designs = new Map<string, { readonly period: string; readonly drift: Drift }>();

  constructor(
    private readonly windows: WindowStore,
    private readonly baselines: BaselineStore,
    private readonly detectors: DetectorStore,
    private readonly versions: VersionCatalog,
    private readonly settings: {
      readonly baselineSeconds: number;
      readonly windowGraceMs: number;
      readonly leastShift: number;
    },
  ) {}

  /** Call it inside the unit of work that saves the findings. */
  async pass(model: Model, watch: Watch, known: ReadonlyMap<string, DetectorRecord>, now: Date): Promise<WindowsPass> {
    const { monitors: policy, telemetry } = model.spec;
    const windowMs = telemetry.windowSeconds * 1000;
    const record = known.get(NAME) as DetectorRecord<State> | undefined;
    const baseline = await this.baseline(watch, policy, now);
    const recentFrom = now.getTime() - Math.max(LEAST_RECENT_MS, windowMs * 6);
    const cursor = record?.cursor ?? watch.since.getTime() - 1;
    const all = await this.closed(watch, new Date(Math.max(watch.since.getTime(), Math.min(cursor, recentFrom))), now);
    const fresh = all.filter((window) => window.start.getTime() > cursor);
    const drift = baseline === null ? null : this.design(watch, baseline);
    const before: State = { ...FRESH, ...record?.state };
    const fed = fresh.reduce((so, window) => this.feed(so, window, drift, model, watch), before);
    const until = new Date(now.getTime() - this.settings.windowGraceMs - windowMs);
    const state = { ...fed, operations: settleOperations(fed.operations, until, watch.since) };
    const newest = fresh.at(-1)?.start.getTime() ?? cursor;
    if (newest !== cursor || state.operations.cost.from !== before.operations.cost.from)
      await this.detectors.save(watch, NAME, { state, cursor: newest });
    const recent = all.filter((window) => window.start.getTime() >= recentFrom);
    const sizes = await this.sizes(watch);
    return {
      statements: new Map<MonitorName, Statement>([
        ...stateOperations(state.operations, recent, model.spec, sizes, now),
        ...driftStatements(state, drift, policy),
      ]),
      covered: fresh.filter((window) => isCovered(window, policy.minimumCoverage)),
      judged: { coverage: state.operations.coverage, until },
    };
  }

  private feed(state: State, window: Window, drift: Drift | null, model: Model, watch: Watch): State {
    const policy = model.spec.monitors;
    const operations = observeOperations(state.operations, window, model.spec, watch.since);
    // What was logged of a poorly covered window is no sample of its inputs.
    const usable = isCovered(window, policy.minimumCoverage);
    if (drift === null || window.start < drift.until || !usable) return { ...state, operations };
    const at = window.newestAt.getTime();
    return {
      operations,
      inputs: observeDrift(state.inputs, drift.inputs, tallyInputs([window]), at, policy),
      predictions: observeDrift(state.predictions, drift.predictions, tallyPredictions([window]), at, policy),
    };
  }

  private async sizes({ model, version, reference }: Watch): Promise<Sizes> {
    const [own, other] = await Promise.all([version, reference].map((digest) => this.versions.find(model, digest)));
    return { bytes: own?.sizeBytes ?? null, reference: other?.sizeBytes ?? null };
  }

  /** A design follows from its frozen baseline alone, so it is made once a period. */
  private design({ model, version, since }: Watch, { inputs, predictions, until }: Baseline): Drift {
    const period = `${version}/${since.getTime()}`;
    const known = this.designs.get(model);
    if (known?.period === period) return known.drift;
    const { leastShift } = this.settings;
    const drift = { inputs: designDrift(inputs, leastShift), predictions: designDrift(predictions, leastShift), until };
    this.designs.set(model, { period, drift });
    return drift;
  }

  /**
   * The frozen baseline; freezes it when enough answers are there: the version's own windows shortly before its period
   * (as a candidate it had a random share of the traffic), then those after, until there are `minimum` answers.
   */
  private async baseline(watch: Watch, policy: MonitorPolicy, now: Date): Promise<Baseline | null> {
    const frozen = await this.baselines.find(watch);
    if (frozen !== null) return frozen;
    const from = new Date(watch.since.getTime() - this.settings.baselineSeconds * 1000);
    const minimum = policy.minimumSamples;
    const closed = await this.closed(watch, from, now);
    const windows = closed.filter((window) => isCovered(window, policy.minimumCoverage));
    const used: Window[] = [];
    let requests = 0;
    for (const window of windows) {
      if (window.start >= watch.since && requests >= minimum) break;
      used.push(window);
      requests += window.requests;
    }
    const last = used.at(-1);
    if (last === undefined || requests < minimum || awaitsBins(used)) return null;
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

/**
 * True while a feature that most answers have is without bins: its first values wait for them, and a baseline that was
 * frozen now would know nothing of it for ever.
 */
function awaitsBins(windows: readonly Window[]): boolean {
  const answers = windows.reduce((sum, { requests }) => sum + requests, 0);
  const names = new Set(windows.flatMap(({ moments }) => Object.keys(moments)));
  return [...names].some((name) => {
    if (name.startsWith('$')) return false;
    const values = windows.reduce((sum, { moments }) => sum + (moments[name]?.count ?? 0), 0);
    return values * 2 >= answers && windows.every(({ features }) => features[name] === undefined);
  });
}

function driftStatements(state: State, drift: Drift | null, policy: MonitorPolicy): [MonitorName, Statement][] {
  return [
    ['input-drift', stateDrift('input', state.inputs, drift?.inputs ?? null, policy)],
    ['prediction-drift', stateDrift('prediction', state.predictions, drift?.predictions ?? null, policy)],
  ];
}
