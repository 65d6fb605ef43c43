import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { labelledRows } from './calibrator.js';
import { changePoint } from './detectors/mixture.js';
import {
  allowedError,
  type AccuracyEstimate,
  estimateAccuracy,
  type EstimatedAccuracyState,
} from './estimated-accuracy.js';
import { groupedMeanScore } from './grouped-mean.js';
import { TOLERATED_RATE } from './rate-finding.js';
import { type Statement, undecided } from './statement.js';

/** Two-sided 95 %. */
const Z_BAND = 1.959_963_984_540_054;
/** With more answers where nothing was labelled, nobody can say that all is well. */
const MOST_UNSEEN = 0.1;

/** What the monitor of estimated accuracy states now. */
export function stateEstimatedAccuracy(state: EstimatedAccuracyState, policy: MonitorPolicy): Statement {
  const falseAlarm = promise(state, policy);
  const rows = labelledRows(state.data);
  const { calibrator, detector } = state;
  if (calibrator === null || detector === null) {
    if (rows === 0 && state.recent.length === 0 && state.silent > 0)
      return undecided('The answers carry no confidence, so nothing can be estimated from it.', falseAlarm);
    return undecided(
      `Only ${rows} labelled answers with a confidence so far; this version's confidence is calibrated by ${policy.minimumSamples}.`,
      falseAlarm,
    );
  }
  const estimate = estimateAccuracy(state);
  if (estimate === null || estimate.samples < policy.minimumSamples)
    return undecided(
      `Only ${estimate?.samples ?? 0} answers with a confidence so far; ${policy.minimumSamples} are needed.`,
      falseAlarm,
    );
  const allowed = allowedError(state);
  const common = {
    evidence: evidenceOf(state, estimate, allowed),
    falseAlarm,
    level: levelOf(estimate),
    scores: [{ name: 'e-detector', score: groupedMeanScore(detector), threshold: detector.threshold }],
  };
  const band = Z_BAND * estimate.standardError;
  const says = `By their calibrated confidence ${percent(estimate.value)} of the newest ${estimate.samples} answers are right (95 % band ${percent(estimate.value - band)} to ${percent(Math.min(1, estimate.value + band))}, no labels needed); at least ${percent(1 - allowed)} are expected`;
  if (detector.alarm !== null) {
    const changeAt = new Date(changePoint(detector).at);
    const explanation = `${says}. The change is estimated to have begun at ${changeAt.toISOString()}.`;
    return { ...common, state: 'alarm', explanation, changeAt };
  }
  if (estimate.unseen > MOST_UNSEEN) {
    const explanation = `${percent(estimate.unseen)} of the newest ${estimate.samples} answers have a confidence that no labelled answer had, so their accuracy is a guess.`;
    return { ...common, state: 'undecided', explanation, changeAt: null };
  }
  return { ...common, state: 'calm', explanation: `${says}.`, changeAt: null };
}

function evidenceOf(state: EstimatedAccuracyState, estimate: AccuracyEstimate, allowed: number): Evidence[] {
  const { calibrator, detector, limit, recent } = state;
  const newestAt = recent.at(-1)?.at ?? null;
  const warnings =
    estimate.unseen > 0 ? [`${percent(estimate.unseen)} of the answers lie where nothing was labelled`] : [];
  const entry = (name: string, value: number | null | undefined, samples = estimate.samples): Evidence => ({
    name,
    value: value ?? null,
    samples,
    newestAt: newestAt === null ? null : new Date(newestAt),
    series: 1,
    warnings,
    query: 'confidence histograms of the newest windows, calibrated by the labelled answers of this version',
  });
  const band = Z_BAND * estimate.standardError;
  const rows = labelledRows(state.data);
  return [
    entry('estimated_accuracy_ratio', estimate.value),
    entry('estimated_accuracy_lower_ratio', Math.max(0, estimate.value - band)),
    entry('estimated_accuracy_upper_ratio', Math.min(1, estimate.value + band)),
    ...(limit === null ? [] : [entry('evaluated_accuracy_ratio', 1 - limit.estimate, limit.samples)]),
    entry(TOLERATED_RATE, allowed),
    entry('unseen_ratio', estimate.unseen),
    entry('calibration_error_before_ratio', calibrator?.errorBefore, rows),
    entry('calibration_error_after_ratio', calibrator?.errorAfter, rows),
    entry('calibration_rows', rows, rows),
    ...(detector === null ? [] : [entry('score', groupedMeanScore(detector)), entry('threshold', detector.threshold)]),
  ];
}

function levelOf(estimate: AccuracyEstimate): Statement['level'] {
  const band = Z_BAND * estimate.standardError;
  const value = 1 - estimate.value;
  return { value, lower: Math.max(0, value - band), upper: Math.min(1, value + band), samples: estimate.samples };
}

function promise({ limit, calibrator }: EstimatedAccuracyState, policy: MonitorPolicy): string {
  const every = policy.falseAlarmEvery.toLocaleString('en-US');
  const base = `P(false alarm within n answers) is at most n/${every} while confidence, calibrated, says what is right and the expected error stays within the tolerated one`;
  if (limit === null || calibrator === null) return `${base}; none can be raised before the confidence is calibrated.`;
  const how = calibrator.method === 'none' ? 'confidence as it is' : `${calibrator.method} calibration`;
  return `${base} (${how}, ${calibrator.rows} labelled answers; with 90 % confidence neither the evaluation nor the calibration is further off than allowed for). A changed relation of inputs and labels is not seen.`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
