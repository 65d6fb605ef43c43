import type { ModelSpec, QualityProfile } from '../../src/models/index.js';
import { type Finding, type MonitorName, type RescoreTally, rescoreBatch } from '../../src/monitors/index.js';
import type { EvidenceWish } from '../../src/monitors/index.js';
import { stateDrift } from '../../src/monitors/domain/drift-finding.js';
import {
  designDrift,
  type DriftDesign,
  NEW_DRIFT_MONITOR,
  observeDrift,
} from '../../src/monitors/domain/drift-monitor.js';
import {
  learnCalibration,
  NEW_ESTIMATED_ACCURACY,
  observeConfidence,
} from '../../src/monitors/domain/estimated-accuracy.js';
import { stateEstimatedAccuracy } from '../../src/monitors/domain/estimated-accuracy-finding.js';
import {
  addTallies,
  EMPTY_TALLY,
  type Tally,
  tallyInputs,
  tallyPredictions,
} from '../../src/monitors/domain/histograms.js';
import {
  NEW_OPERATIONS,
  observeOperations,
  settleOperations,
  stateOperations,
} from '../../src/monitors/domain/operations.js';
import { gateByCoverage } from '../../src/monitors/domain/coverage.js';
import { stateRate } from '../../src/monitors/domain/rate-finding.js';
import { newRateMonitor, observeRate, type RateMonitorState } from '../../src/monitors/domain/rate-monitor.js';
import { type Statement, toFinding, undecided } from '../../src/monitors/domain/statement.js';
import { monitorsSettings } from '../../src/monitors/settings.js';
import type { Window } from '../../src/telemetry/index.js';
import type { Answer } from './traffic.js';

const RECENT_WINDOWS = 6;
const UNKNOWN_SIZES = { bytes: null, reference: null };
const LEAST_SHIFT = monitorsSettings.schema.parse({}).leastShift;

/** What an answer is to the monitors once the reference has scored it. */
interface Rescored {
  readonly answer: Answer;
  labelled: boolean;
}

/** What the promoted version's traffic looked like when its period began, as the drift monitors use it. */
export interface Baseline {
  readonly inputs: DriftDesign;
  readonly predictions: DriftDesign;
}

type RateName = 'accuracy' | 'reference-accuracy' | 'fidelity';

/** The monitors' own functions, fed as a control plane feeds them: windows, labels as they come, samples re-scored. */
export class Watchtower {
  private findings = new Map<MonitorName, Finding>();
  private readonly rates: Record<RateName, RateMonitorState>;
  private readonly evaluatedError: { readonly rate: number; readonly samples: number };
  private inputs = NEW_DRIFT_MONITOR;
  private predictions = NEW_DRIFT_MONITOR;
  private operations = NEW_OPERATIONS;
  private estimated = NEW_ESTIMATED_ACCURACY;
  private recent: Window[] = [];
  private waiting: Rescored[] = [];
  private readonly rescored: Rescored[] = [];
  private readonly kept = new Map<Answer, Rescored>();

  constructor(
    private readonly spec: ModelSpec,
    private readonly about: Pick<Finding, 'model' | 'version'>,
    private readonly compressed: boolean,
    profile: QualityProfile,
    private readonly baseline: Baseline,
    private readonly since: Date,
  ) {
    const { accuracyTolerance, agreementTolerance, falseAlarmEvery } = spec.monitors;
    const monitor = (share: number | null, samples: number, tolerance: number): RateMonitorState =>
      newRateMonitor(share === null ? null : { rate: 1 - share, samples }, tolerance, falseAlarmEvery);
    this.evaluatedError = { rate: 1 - (profile.accuracy ?? 1), samples: profile.labelled };
    this.rates = {
      accuracy: monitor(profile.accuracy, profile.labelled, accuracyTolerance),
      'reference-accuracy': monitor(profile.referenceAccuracy, profile.labelled, accuracyTolerance),
      fidelity: monitor(profile.agreement, profile.compared, agreementTolerance),
    };
  }

  /** One pass: the newest window, the answers of it that were kept as samples, and the labels that have arrived. */
  pass(
    window: Window,
    kept: readonly Answer[],
    labelled: readonly Answer[],
    wish: EvidenceWish | null,
    now: Date,
  ): readonly Finding[] {
    this.takeWindow(window);
    this.rescore(kept, wish);
    this.takeLabels(labelled);
    this.operations = settleOperations(this.operations, now, this.since);
    return this.state(now);
  }

  /** Counts over samples answered at or after `since`. */
  tally(since: Date): RescoreTally {
    const rows = this.rescored.filter(({ answer }) => answer.at >= since.getTime());
    const labelled = rows.filter((row) => row.labelled);
    return {
      compared: rows.length,
      disagreements: rows.filter(({ answer }) => answer.champion !== answer.reference).length,
      labelled: labelled.length,
      championErrors: labelled.filter(({ answer }) => answer.champion !== answer.label).length,
      referenceErrors: labelled.filter(({ answer }) => answer.reference !== answer.label).length,
    };
  }

  private takeWindow(window: Window): void {
    const policy = this.spec.monitors;
    const at = window.newestAt.getTime();
    this.recent = [...this.recent, window].slice(-RECENT_WINDOWS);
    this.operations = observeOperations(this.operations, window, this.spec, this.since);
    this.inputs = observeDrift(this.inputs, this.baseline.inputs, tallyInputs([window]), at, policy);
    this.predictions = observeDrift(
      this.predictions,
      this.baseline.predictions,
      tallyPredictions([window]),
      at,
      policy,
    );
    const counted = { confidence: window.confidence, answered: window.requests, at };
    this.estimated = observeConfidence(this.estimated, counted);
  }

  private rescore(kept: readonly Answer[], wish: EvidenceWish | null): void {
    for (const answer of kept) {
      const row = { answer, labelled: false };
      this.kept.set(answer, row);
      this.waiting.push(row);
    }
    if (!this.compressed) return;
    const rowLength = this.spec.input.shape.slice(1).reduce((length, size) => length * size, 1);
    const batch = this.waiting.splice(0, rescoreBatch(this.spec.monitors, wish, rowLength));
    this.rescored.push(...batch);
    this.feed(
      'fidelity',
      batch.map(({ answer }) => ({ bad: answer.champion !== answer.reference, at: answer.at })),
    );
    this.feedReference(batch.filter((row) => row.labelled));
  }

  private takeLabels(labelled: readonly Answer[]): void {
    this.feed(
      'accuracy',
      labelled.map((answer) => ({ bad: answer.champion !== answer.label, at: answer.at })),
    );
    const known = labelled.flatMap((answer) => this.kept.get(answer) ?? []);
    for (const row of known) row.labelled = true;
    const waiting = new Set(this.waiting);
    if (this.compressed) this.feedReference(known.filter((row) => !waiting.has(row)));
    this.estimated = learnCalibration(
      this.estimated,
      labelled.map(({ confidence, champion, label }) => ({ confidence, right: champion === label })),
      this.evaluatedError,
      this.spec.monitors,
    );
  }

  private feedReference(rows: readonly Rescored[]): void {
    this.feed(
      'reference-accuracy',
      rows.map(({ answer }) => ({ bad: answer.reference !== answer.label, at: answer.at })),
    );
  }

  private feed(name: RateName, observations: { readonly bad: boolean; readonly at: number }[]): void {
    const { accuracyTolerance, agreementTolerance } = this.spec.monitors;
    const tolerance = name === 'fidelity' ? agreementTolerance : accuracyTolerance;
    this.rates[name] = observeRate(this.rates[name], observations, this.spec.monitors, tolerance);
  }

  private state(now: Date): readonly Finding[] {
    const { monitors: policy } = this.spec;
    const serves = undecided('The reference itself serves.', 'It raises no alarm.');
    const rate = (name: RateName): Statement =>
      name === 'accuracy' || this.compressed ? stateRate(name, this.rates[name], policy) : serves;
    const statements: [MonitorName, Statement][] = [
      ...stateOperations(this.operations, this.recent, this.spec, UNKNOWN_SIZES, now),
      ['input-drift', stateDrift('input', this.inputs, this.baseline.inputs, policy)],
      ['prediction-drift', stateDrift('prediction', this.predictions, this.baseline.predictions, policy)],
      ['accuracy', rate('accuracy')],
      ['reference-accuracy', rate('reference-accuracy')],
      ['fidelity', rate('fidelity')],
      ['estimated-accuracy', stateEstimatedAccuracy(this.estimated, policy)],
    ];
    for (const [monitor, statement] of gateByCoverage(new Map(statements))) {
      const finding = toFinding({ ...this.about, monitor }, statement, this.findings.get(monitor), now);
      this.findings.set(monitor, finding);
    }
    return [...this.findings.values()];
  }
}

/** The baseline out of the windows that the version answered as a candidate. */
export function baselineOf(windows: readonly Window[]): Baseline {
  const sum = (tally: (windows: readonly Window[]) => Tally): Tally =>
    windows.map((window) => tally([window])).reduce(addTallies, EMPTY_TALLY);
  return {
    inputs: designDrift(sum(tallyInputs), LEAST_SHIFT),
    predictions: designDrift(sum(tallyPredictions), LEAST_SHIFT),
  };
}
