import { adwin } from '../../dist/monitors/domain/detectors/adwin.js';
import { boundedMeanDetector } from '../../dist/monitors/domain/detectors/bounded-mean.js';
import { pageHinkley } from '../../dist/monitors/domain/detectors/page-hinkley.js';
import { binaryDetector } from '../../dist/monitors/domain/e-detector.js';

/** What the dummy of every comparison does: an alarm every so many observations, whatever they are. */
const ALWAYS_EVERY = 100;

/** Our detectors by name; each takes what is known of the stable rate and A, and gives a detector and how it is fed. */
export const OURS = {
  'Ratchet: binary e-detector': ({ nullRate, threshold }) => ({
    detector: binaryDetector(nullRate, threshold),
    feed: (value, at) => ({ bad: value === 1, at }),
  }),
  'Ratchet: bounded-mean e-detector': ({ nullRate, threshold }) => ({
    detector: boundedMeanDetector(nullRate, threshold),
    feed: (value, at) => ({ value, at }),
  }),
};

/** Our own ADWIN and Page–Hinkley: they must say what River's say. */
export const COPIES = {
  'ADWIN δ = .002': () => ({ detector: adwin(), feed: (value) => value }),
  'Page–Hinkley': () => ({ detector: pageHinkley(), feed: (value) => value }),
};

const BATCH = 100;

/**
 * Indices at which an alarm begins. Our e-detectors are fed in batches, as the monitors do: their state says at which
 * observation the alarm that stands began. One that came and went within a batch would be missed, but "back to normal" needs
 * evidence of ln A before it ends an alarm, which no 100 answers of these streams hold.
 */
export function alarmsOf({ detector, feed }, values) {
  const alarms = [];
  let state = detector.start();
  const observations = Array.from(values, feed);
  if (!detector.name.includes('e-detector')) {
    observations.forEach((observation, i) => {
      state = detector.observe(state, observation);
      if (detector.alarmed(state)) alarms.push(i);
    });
    return alarms;
  }
  for (let from = 0; from < observations.length; from += BATCH) {
    state = detector.observeAll(state, observations.slice(from, from + BATCH));
    if (state.alarm !== null && state.alarm.observation - 1 !== alarms.at(-1)) alarms.push(state.alarm.observation - 1);
  }
  return alarms;
}

/** The cost of an update, fed in batches; CPU time. */
export function microseconds({ detector, feed }, values) {
  const observations = Array.from(values, feed);
  let state = detector.start();
  const began = process.cpuUsage().user;
  for (let from = 0; from < observations.length; from += BATCH)
    state = detector.observeAll(state, observations.slice(from, from + BATCH));
  return (process.cpuUsage().user - began) / observations.length;
}

export function always(length) {
  return Array.from({ length: Math.floor(length / ALWAYS_EVERY) }, (_, i) => (i + 1) * ALWAYS_EVERY - 1);
}
