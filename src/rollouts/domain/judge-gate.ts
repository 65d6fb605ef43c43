import { assertNever, blindness, type Evidence, type Verdict } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import { wilson } from '../../monitors/index.js';

/** What a gate's measurement came to; counts of the candidate first, and of the champion where the gate compares. */
export interface GateMeasurement {
  readonly evidence: readonly Evidence[];
  /** Events the gate counts (errors, right answers) among `samples`; the quantile itself for latency. */
  readonly candidate: { readonly value: number; readonly samples: number };
  readonly champion: { readonly value: number; readonly samples: number } | null;
}

/**
 * The verdict of one gate. Shares are judged by Wilson's bounds: FAIL only when the whole interval is beyond the limit,
 * PASS when the point is within it and there are enough samples, UNDECIDED otherwise. A gate that cannot see is BLIND.
 */
export function judgeGate(
  gate: Gate,
  measured: GateMeasurement,
  notBefore: Date,
): { verdict: Verdict; reason: string } {
  for (const evidence of measured.evidence) {
    const blind = blindness(evidence, notBefore);
    if (blind !== null) return { verdict: 'BLIND', reason: `${evidence.name}: ${blind}` };
  }
  if (measured.evidence.length === 0) return { verdict: 'BLIND', reason: 'no evidence' };
  switch (gate.kind) {
    case 'error-ratio':
      return judgeShare('errors', measured.candidate, gate.max, gate.minimumSamples);
    case 'latency-p95':
    case 'latency-p99':
      return judgeLatency(gate.kind.slice(-3), measured.candidate, gate.maxMs, gate.minimumSamples);
    case 'agreement':
      return judgeLeastShare(measured.candidate, gate.min, gate.minimumSamples);
    case 'promql':
      return judgeNumber(measured.candidate, gate, gate.minimumSamples);
    case 'accuracy':
      return judgeLoss(measured, gate.maxLoss, gate.minimumSamples);
    default:
      return assertNever(gate);
  }
}

/** Bounds of a share of which nothing is known yet. */
const UNKNOWN = { lower: 0, upper: 1 };

type Judgement = ReturnType<typeof judgeGate>;

function judgeShare(what: string, seen: GateMeasurement['candidate'], max: number, minimum: number): Judgement {
  const share = seen.samples === 0 ? 0 : seen.value / seen.samples;
  const text = `${seen.value} ${what} in ${seen.samples} (${percent(share)}, at most ${percent(max)})`;
  if ((wilson(seen.value, seen.samples) ?? UNKNOWN).lower > max) return { verdict: 'FAIL', reason: text };
  if (seen.samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  return share <= max ? { verdict: 'PASS', reason: text } : { verdict: 'UNDECIDED', reason: text };
}

function judgeLeastShare(seen: GateMeasurement['candidate'], min: number, minimum: number): Judgement {
  const share = seen.samples === 0 ? 0 : seen.value / seen.samples;
  const text = `${seen.value} of ${seen.samples} agree (${percent(share)}, at least ${percent(min)})`;
  if ((wilson(seen.value, seen.samples) ?? UNKNOWN).upper < min) return { verdict: 'FAIL', reason: text };
  if (seen.samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  return share >= min ? { verdict: 'PASS', reason: text } : { verdict: 'UNDECIDED', reason: text };
}

/** A number of somebody's own query, taken as it is: nothing is known of its distribution. */
function judgeNumber(
  seen: GateMeasurement['candidate'],
  { min, max }: { readonly min: number | null; readonly max: number | null },
  minimum: number,
): Judgement {
  if (min === null && max === null) return { verdict: 'INVALID', reason: 'the gate has neither min nor max' };
  const text = `${seen.value} of ${seen.samples} (${min === null ? '' : `at least ${min}`}${max === null ? '' : ` at most ${max}`})`;
  if (seen.samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  const within = (min === null || seen.value >= min) && (max === null || seen.value <= max);
  return { verdict: within ? 'PASS' : 'FAIL', reason: text };
}

function judgeLatency(name: string, seen: GateMeasurement['candidate'], maxMs: number, minimum: number): Judgement {
  const text = `${name} ${seen.value.toFixed(1)} ms of ${seen.samples} (at most ${maxMs} ms)`;
  if (seen.samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  return { verdict: seen.value <= maxMs ? 'PASS' : 'FAIL', reason: text };
}

/**
 * Loss against the champion on the same step's traffic. The two arms answer different requests, so the bound is that of a
 * difference of two independent shares: FAIL when even its lower end is above the largest loss.
 */
function judgeLoss(measured: GateMeasurement, maxLoss: number, minimum: number): Judgement {
  const { candidate, champion } = measured;
  if (champion === null)
    return { verdict: 'INVALID', reason: 'the accuracy gate needs the champion beside the candidate' };
  if (candidate.samples < minimum || champion.samples < minimum) {
    const least = Math.min(candidate.samples, champion.samples);
    return { verdict: 'UNDECIDED', reason: `${least} labelled answers, ${minimum} needed` };
  }
  const [ours, theirs] = [candidate.value / candidate.samples, champion.value / champion.samples];
  const loss = theirs - ours;
  // Newcombe's hybrid score interval for a difference of shares (Statistics in Medicine 1998, method 10).
  const [a, b] = [
    wilson(candidate.value, candidate.samples) ?? UNKNOWN,
    wilson(champion.value, champion.samples) ?? UNKNOWN,
  ];
  const lower = loss - Math.sqrt((theirs - b.lower) ** 2 + (a.upper - ours) ** 2);
  const text = `candidate ${percent(ours)} of ${candidate.samples}, champion ${percent(theirs)} of ${champion.samples}, largest loss ${percent(maxLoss)}`;
  return { verdict: lower > maxLoss ? 'FAIL' : 'PASS', reason: text };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
