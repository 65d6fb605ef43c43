const { abs, log, log1p, PI, sin } = Math;

const COEFFICIENTS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
] as const;

/** ln |Γ(x)| by Lanczos' approximation (g = 7, n = 9; Godfrey's coefficients), relative error below 1e−13 for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return log(PI / abs(sin(PI * x))) - logGamma(1 - x);
  const y = x - 1;
  const t = y + 7.5;
  const series = COEFFICIENTS.reduce((sum, coefficient, i) => sum + coefficient / (y + i + 1), 0.9999999999998099);
  return 0.5 * log(2 * PI) + (y + 0.5) * log(t) - t + log(series);
}

/** ln B(a, b), a and b above 0. */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** ln of pˢ (1 − p)ᶠ with 0⁰ = 1; −∞ where what happened is impossible. */
export function logLikelihood(p: number, successes: number, failures: number): number {
  return (successes === 0 ? 0 : successes * log(p)) + (failures === 0 ? 0 : failures * log1p(-p));
}
