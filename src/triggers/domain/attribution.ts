import {
  type Finding,
  type FindingState,
  type MonitorName,
  type RescoreTally,
  TOLERATED_RATE,
  wilson,
} from '../../monitors/index.js';
import { type DecisionRow, rowFor, type Signals } from './decision-table.js';
import type { Cause } from './trigger.js';

/** Labelled re-scored answers since the change below which nothing is said about the reference. */
const LEAST_LABELLED = 30;
/** Two-sided 99 %: the reference is looked at again and again until it is known. */
const Z_WORSE = 2.576;
/** One-sided 95 %. */
const Z_FINE = 1.645;
const LEAST_SLACK = 0.03;
const MOST_SLACK = 0.1;

/** What is known beside the findings. */
export interface Situation {
  readonly now: Date;
  /** A model that is no classifier is monitored only. */
  readonly task: Signals['task'];
  /** No compressed version serves. */
  readonly championIsReference: boolean;
  /** Samples kept of this model's traffic. */
  readonly samples: number;
  readonly minimumSamples: number;
  /** How long labels may take before one decides without them. */
  readonly labelPatienceSeconds: number;
  /** Champion and reference on the same requests since the estimated change; null when nothing changed. */
  readonly sinceChange: RescoreTally | null;
  /** Every remedy for a missing compressed champion was tried without success. */
  readonly compressionExhausted: boolean;
}

export interface Attribution {
  readonly cause: Cause | 'unclear' | 'none';
  readonly reasons: readonly string[];
  /** The row of the decision table that matched. */
  readonly row: string;
  /** What more evidence the row asks for before anybody acts. */
  readonly asks: DecisionRow['asks'] | null;
}

/** The finding whose change point tells since when samples show what happened: fidelity first, because it is known soonest. */
export function leadingAlarm(findings: readonly Finding[]): Finding | null {
  return alarmOf(findings, 'fidelity') ?? alarmOf(findings, 'accuracy') ?? null;
}

/**
 * Which cause the findings speak for. Pure and total: the first matching row of `DECISION_TABLE`.
 *
 * Labels are late, so fidelity alarms before the reference's accuracy on the changed traffic can be known. Only labelled
 * answers since the estimated change say anything about the reference then; until there are enough the answer is
 * `unclear`.
 */
export function attribute(findings: readonly Finding[], situation: Situation): Attribution {
  const { signals, notes } = readSignals(findings, situation);
  const row = rowFor(signals);
  return { cause: row.cause, row: row.name, reasons: [row.because, ...notes], asks: row.asks ?? null };
}

/** The findings as the table's columns, with a sentence for each that alarms and one about the reference. */
export function readSignals(
  findings: readonly Finding[],
  situation: Situation,
): { readonly signals: Signals; readonly notes: readonly string[] } {
  const state = (monitor: MonitorName) => findings.find((finding) => finding.monitor === monitor)?.state ?? 'undecided';
  const leading = leadingAlarm(findings);
  const reference = leading === null ? REFERENCE_UNASKED : judgeReference(findings, leading, situation);
  const fidelity = alarmOf(findings, 'fidelity');
  const waited = fidelity === undefined ? 0 : (situation.now.getTime() - fidelity.since.getTime()) / 1000;
  const signals: Signals = {
    task: situation.task,
    answers: worst(state('mean-error'), state('output-distance')),
    champion: situation.championIsReference ? 'reference' : 'compressed',
    samples: situation.samples >= situation.minimumSamples ? 'enough' : 'few',
    ladder: situation.compressionExhausted ? 'exhausted' : 'open',
    accuracy: state('accuracy'),
    fidelity: state('fidelity'),
    reference: reference.verdict,
    gap: reference.gap,
    labels: waited > situation.labelPatienceSeconds ? 'overdue' : 'awaited',
    inputDrift: state('input-drift'),
    predictionDrift: state('prediction-drift'),
    estimatedAccuracy: state('estimated-accuracy'),
    coverage: state('coverage'),
    latency: state('latency'),
    cost: state('cost'),
    errors: state('errors'),
  };
  const alarms = findings
    .filter((finding) => finding.state === 'alarm')
    .map((finding) => `${finding.monitor}: ${finding.explanation}`);
  return { signals, notes: reference.note === null ? alarms : [...alarms, reference.note] };
}

/** An alarm of either is one; calm needs one that knows. */
function worst(a: FindingState, b: FindingState): FindingState {
  if (a === 'alarm' || b === 'alarm') return 'alarm';
  return a === 'calm' || b === 'calm' ? 'calm' : 'undecided';
}

interface ReferenceJudgement {
  readonly verdict: Signals['reference'];
  readonly gap: Signals['gap'];
  readonly note: string | null;
}

const REFERENCE_UNASKED: ReferenceJudgement = { verdict: 'unknown', gap: 'none', note: null };

/** How right the reference is on the traffic since the change. */
function judgeReference(findings: readonly Finding[], leading: Finding, situation: Situation): ReferenceJudgement {
  const own = findings.find((finding) => finding.monitor === 'reference-accuracy');
  const limit = toleratedBy(own);
  const tally = situation.sinceChange;
  const gap = gapOf(tally);
  const note = noteOn(tally, limit);
  if (own?.state === 'alarm') return { verdict: 'worse', gap, note };
  if (tally === null || limit === null) return { verdict: 'unknown', gap, note };
  const lost = (leading.level?.value ?? 0) - (toleratedBy(leading) ?? 0);
  return { verdict: verdictOn(tally, limit, lost), gap, note };
}

/**
 * Worse: the 99 % Wilson lower bound of the reference's error is above what is tolerated.
 * Fine: it is not, and the one-sided 95 % upper bound is within that rate and half of what the champion lost (3 to 10
 * points), so that the reference cannot explain the loss.
 */
function verdictOn(tally: RescoreTally, limit: number, lost: number): Signals['reference'] {
  if (tally.labelled < LEAST_LABELLED) return 'unknown';
  const lower = wilson(tally.referenceErrors, tally.labelled, Z_WORSE)?.lower ?? 0;
  if (lower > limit) return 'worse';
  const upper = wilson(tally.referenceErrors, tally.labelled, Z_FINE)?.upper ?? 1;
  return upper <= limit + Math.min(MOST_SLACK, Math.max(LEAST_SLACK, lost / 2)) ? 'fine' : 'unknown';
}

function noteOn(tally: RescoreTally | null, limit: number | null): string {
  if (tally === null || tally.labelled === 0)
    return 'reference: no labelled answer since the change says how right it is.';
  const wrong = percent(tally.referenceErrors / tally.labelled);
  const tolerated = limit === null ? 'what is tolerated is not known yet' : `${percent(limit)} is tolerated`;
  return `reference: ${wrong} wrong on ${tally.labelled} labelled answers since the change, ${tolerated}.`;
}

function gapOf(tally: RescoreTally | null): Signals['gap'] {
  if (tally === null) return 'none';
  const champion = wilson(tally.championErrors, tally.labelled);
  const reference = wilson(tally.referenceErrors, tally.labelled);
  return champion !== null && reference !== null && champion.lower > reference.upper ? 'proven' : 'none';
}

function toleratedBy(finding: Finding | undefined): number | null {
  return finding?.evidence.find((evidence) => evidence.name === TOLERATED_RATE)?.value ?? null;
}

function alarmOf(findings: readonly Finding[], monitor: MonitorName): Finding | undefined {
  return findings.find((finding) => finding.monitor === monitor && finding.state === 'alarm');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
