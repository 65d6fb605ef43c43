/**
 * The few special functions that the detectors need, to double precision where the argument is ordinary.
 */

const LANCZOS = [
  0.999_999_999_999_809_9, 676.520_368_121_885_1, -1_259.139_216_722_402_8, 771.323_428_777_653_1,
  -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_572e-6,
  1.505_632_735_149_311_6e-7,
] as const;

/** Natural logarithm of Γ(x) for x > 0. Lanczos approximation (g = 7, n = 9), relative error about 1e-15. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const shifted = x - 1;
  const t = shifted + 7.5;
  const series = LANCZOS.reduce(
    (sum, coefficient, i) => (i === 0 ? coefficient : sum + coefficient / (shifted + i)),
    0,
  );
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(series);
}

/**
 * P(X ≥ x) for a chi-square variable with `degrees` degrees of freedom: the upper regularised incomplete gamma function
 * Q(degrees/2, x/2), by its series below the mode and by Lentz's continued fraction above (Press et al., "Numerical
 * Recipes", section 6.2).
 */
export function chiSquareTail(x: number, degrees: number): number {
  if (degrees <= 0 || x <= 0) return 1;
  const a = degrees / 2;
  const z = x / 2;
  const front = Math.exp(a * Math.log(z) - z - lnGamma(a));
  if (z < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 1_000 && Math.abs(term) > Math.abs(sum) * 1e-16; n += 1) {
      term *= z / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - sum * front);
  }
  return (
    front *
    lentz(
      (i) => (i === 0 ? 1 : -i * (i - a)),
      (i) => z + 2 * i + 1 - a,
    )
  );
}

/**
 * Regularised incomplete beta function I_x(a, b) = P(Beta(a, b) ≤ x), by Lentz's continued fraction (Press et al.,
 * section 6.4).
 */
export function betaCumulative(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCumulative(1 - x, b, a);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const coefficient = (i: number): number => {
    if (i === 0) return 1;
    const m = Math.floor(i / 2);
    return i % 2 === 0
      ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
      : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  };
  return front * lentz(coefficient, () => 1);
}

/** P(Bin(n, p) ≥ successes), exact: the binomial's tail is a beta distribution's. */
export function binomialTail(successes: number, n: number, p: number): number {
  if (successes <= 0) return 1;
  if (successes > n) return 0;
  return betaCumulative(p, successes, n - successes + 1);
}

/**
 * Inverse of the standard normal distribution function, to 1e-12 in the argument: Newton's method on the logarithm of the
 * tail, which is concave, so that from the second step on it comes down to the root from above.
 */
export function normalQuantile(probability: number): number {
  if (probability === 0.5) return 0;
  if (probability < 0.5) return -normalQuantile(1 - probability);
  const lnTail = Math.log(Math.max(1 - probability, Number.MIN_VALUE));
  let z = 0;
  for (let i = 0; i < 60; i += 1) {
    // P(Z > z) = P(chi-square with one degree > z²) / 2 keeps its relative precision far out.
    const tail = chiSquareTail(z * z, 1) / 2;
    const step = ((Math.log(tail) - lnTail) * tail) / (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI));
    z += step;
    if (Math.abs(step) < 1e-13 * Math.max(1, z)) break;
  }
  return z;
}

/** Continued fraction c0/(d0 + c1/(d1 + …)) by the modified Lentz algorithm. */
function lentz(numerator: (i: number) => number, denominator: (i: number) => number): number {
  const tiny = 1e-300;
  let f = tiny;
  let c = f;
  let d = 0;
  for (let i = 0; i < 10_000; i += 1) {
    const an = numerator(i);
    const bn = denominator(i);
    d = bn + an * d;
    c = bn + an / c;
    if (Math.abs(d) < tiny) d = tiny;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const delta = c * d;
    f *= delta;
    if (Math.abs(delta - 1) < 1e-15) break;
  }
  return f;
}
