import { playBets } from '../../dist/experiments/domain/betting.js';

export const MARGIN = 0.01;
export const ALPHA = 0.05;
/** One-sided 95 %. */
const Z = 1.6449;
/** The naive test and the confidence sequence are looked at after so many pairs each time, and not before 100. */
const LOOK_EVERY = 20;
const FIRST_LOOK = 100;

/**
 * Each test reads differences and says what it proves first, `pass` (no worse than the margin) or `fail` (worse), and after how
 * many; `after` is the length when it proves nothing.
 */

/** Ours: the bets that decide in production. `disagreement` undefined = nothing was measured before. */
export function betting(disagreement) {
  return (differences) => {
    const { proven, pairs } = playBets(differences, {
      ...{ margin: MARGIN, alpha: ALPHA },
      ...(disagreement === undefined ? {} : { disagreement }),
    });
    return { proven: proven === null ? null : proven === 'harm' ? 'fail' : 'pass', after: pairs };
  };
}

/** A z-test at 5 % that is made again and again and stops when it is significant. */
export function peekingZ(differences) {
  return looking(differences, (n, sd) => (Z * sd) / Math.sqrt(n));
}

/**
 * The asymptotic confidence sequence that GrowthBook's sequential testing uses (Waudby-Smith et al., eq. 9), tuned to N* = 5,000;
 * two-sided at 10 %, so one-sided at 5 % as all others here.
 */
export function asymptotic(differences) {
  const alpha = 2 * ALPHA;
  const rho2 = (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1)) / 5_000;
  return looking(differences, (n, sd) => {
    const nr = n * rho2 + 1;
    return sd * Math.sqrt(((2 * nr) / (n * n * rho2)) * Math.log(Math.sqrt(nr) / alpha));
  });
}

function looking(differences, halfWidth) {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < differences.length; i += 1) {
    const difference = differences[i];
    sum += difference;
    squares += difference * difference;
    const n = i + 1;
    if (n < FIRST_LOOK || n % LOOK_EVERY !== 0) continue;
    const mean = sum / n;
    const sd = Math.sqrt(Math.max(0, squares / n - mean * mean) * (n / (n - 1)));
    // Without a pair that differs there is no variance to rest on.
    if (sd === 0) continue;
    const half = halfWidth(n, sd);
    if (mean - half > -MARGIN) return { proven: 'pass', after: n };
    if (mean + half < -MARGIN) return { proven: 'fail', after: n };
  }
  return { proven: null, after: differences.length };
}
