import { boundedMeanDetector } from '../../dist/monitors/domain/detectors/bounded-mean.js';
import { boundedMeanUpperBound } from '../../dist/monitors/domain/rate-bounds.js';

/** A false alarm every so many values, at most: the series are short. */
const A = 1_000;
/** A value of `learn` deviations above or below what was learned is taken as the end of the range. */
const REACH = 4;

/**
 * Alarms of two bounded-mean e-detectors, one for a rise and one for a fall, on a series of values nobody knows anything
 * of: they learn the first 30 values, and again after each alarm, as a monitor does whose baseline is renewed.
 */
export function alarmsOnSeries(values, learn) {
  const alarms = [];
  let from = 0;
  while (from + learn < values.length) {
    const scale = scaleOf(values.subarray(from, from + learn));
    const known = Array.from(values.subarray(from, from + learn), scale);
    const detectors = [known, known.map((x) => 1 - x)].map((head) => boundedMeanDetector(limitOf(head), A));
    const states = detectors.map((detector) => detector.start());
    let at = from + learn;
    for (; at < values.length; at += 1) {
      const x = scale(values[at]);
      [x, 1 - x].forEach((value, i) => (states[i] = detectors[i].observe(states[i], { value, at })));
      if (states.some((state, i) => detectors[i].alarmed(state))) break;
    }
    if (at >= values.length) break;
    alarms.push(at);
    from = at + 1;
  }
  return alarms;
}

function scaleOf(head) {
  const mean = head.reduce((sum, value) => sum + value, 0) / head.length;
  const spread = Math.sqrt(head.reduce((sum, value) => sum + (value - mean) ** 2, 0) / head.length) || 1;
  return (value) => Math.min(1, Math.max(0, 0.5 + (value - mean) / (2 * REACH * spread)));
}

function limitOf(head) {
  const mean = head.reduce((sum, value) => sum + value, 0) / head.length;
  const variance = head.reduce((sum, value) => sum + (value - mean) ** 2, 0) / head.length;
  return Math.min(0.99, boundedMeanUpperBound(mean, head.length, 0.05, variance));
}
