import { assertNever, blindness, type Evidence, type Verdict } from '../../kernel/index.js';
import type { Gate } from '../../models/index.js';
import { wilson } from '../../monitors/index.js';
import { cleanShare, logExcess, logShortfall } from './share-evidence.js';

/** Events among answers. */
export interface Tally {
  /**
   * Errors, right or agreeing answers, answers slower than the ceiling; for a `promql` gate the query's number. What is
   * counted in buckets counts here only what is an event for sure.
   */
  readonly value: number;
  readonly samples: number;
  /** The same with what may be an event, where buckets leave that open; absent = nothing is open. */
  readonly atMost?: number;
}

/** What a gate's measurement came to; counts of the candidate first, and of the champion where the gate compares. */
export interface GateMeasurement {
  readonly evidence: readonly Evidence[];
  readonly candidate: Tally;
  readonly champion: Tally | null;
}

/** Largest probability that a gate ever says FAIL of a version that keeps the limit, however often one looks. */
export const FALSE_FAIL = 0.01;
/** Largest probability that a gate ever says PASS of a version beyond the share that its minimum of samples can tell. */
export const FALSE_PASS = 0.05;

type Judgement = { readonly verdict: Verdict; readonly reason: string };

/**
 * The verdict of one gate; it may be asked again after every answer. Shares (errors, disagreements, and answers above the
 * ceiling, of which p95 allows one in twenty) FAIL when the evidence that they are above the limit has reached 1/FALSE_FAIL,
 * and PASS when on `minimumSamples` the measured share is within the limit and it is proven (1/FALSE_PASS) that the true one is
 * below the limit, or at least below what `minimumSamples` without any event would prove. So a large minimum buys certainty.
 * All else is UNDECIDED. A gate that cannot see is BLIND.
 */
export function judgeGate(gate: Gate, measured: GateMeasurement, notBefore: Date): Judgement {
  for (const evidence of measured.evidence) {
    const blind = blindness(evidence, notBefore);
    if (blind !== null) return { verdict: 'BLIND', reason: `${evidence.name}: ${blind}` };
  }
  if (measured.evidence.length === 0) return { verdict: 'BLIND', reason: 'no evidence' };
  const { candidate } = measured;
  switch (gate.kind) {
    case 'error-ratio':
      return judgeShare('errors', candidate, gate.max, gate.minimumSamples);
    case 'latency-p95':
    case 'latency-p99':
      return judgeLatency(gate, measured);
    case 'agreement': {
      const disagreed = { value: candidate.samples - candidate.value, samples: candidate.samples };
      return judgeShare('disagreements', disagreed, 1 - gate.min, gate.minimumSamples);
    }
    case 'promql':
      return judgeNumber(candidate, gate, gate.minimumSamples);
    case 'accuracy':
      return judgeLoss(measured, gate.maxLoss, gate.minimumSamples);
    default:
      return assertNever(gate);
  }
}

/** Bounds of a share of which nothing is known yet. */
const UNKNOWN = { lower: 0, upper: 1 };

function judgeShare(what: string, seen: Tally, limit: number, minimum: number): Judgement {
  const { value: events, samples, atMost = events } = seen;
  const count = atMost === events ? String(events) : `${events} to ${atMost}`;
  const text = `${count} ${what} in ${samples} (${percent(atMost / samples)}, at most ${percent(limit)})`;
  if (logExcess(events, samples, limit) >= -Math.log(FALSE_FAIL)) return { verdict: 'FAIL', reason: text };
  if (samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  if (atMost / samples > limit) return { verdict: 'UNDECIDED', reason: text };
  const tolerated = Math.max(limit, cleanShare(minimum, FALSE_PASS));
  const proven = tolerated >= 1 || logShortfall(atMost, samples, tolerated) >= -Math.log(FALSE_PASS);
  const reason = `${text}; ${proven ? 'proven' : 'not yet proven'} to be below ${percent(tolerated)}`;
  return { verdict: proven ? 'PASS' : 'UNDECIDED', reason };
}

function judgeLatency(
  gate: Extract<Gate, { kind: 'latency-p95' | 'latency-p99' }>,
  { candidate, evidence }: GateMeasurement,
): Judgement {
  const share = gate.kind === 'latency-p95' ? 0.05 : 0.01;
  const { verdict, reason } = judgeShare(`answers above ${gate.maxMs} ms`, candidate, share, gate.minimumSamples);
  return { verdict, reason: `${gate.kind.slice(-3)} ${evidence[0]?.value?.toFixed(1)} ms; ${reason}` };
}

/** A number of somebody's own query, taken as it is: nothing is known of its distribution. */
function judgeNumber(
  seen: Tally,
  { min, max }: { readonly min: number | null; readonly max: number | null },
  minimum: number,
): Judgement {
  if (min === null && max === null) return { verdict: 'INVALID', reason: 'the gate has neither min nor max' };
  const bounds = [min === null ? [] : [`at least ${min}`], max === null ? [] : [`at most ${max}`]].flat().join(', ');
  const text = `${seen.value} of ${seen.samples} (${bounds})`;
  if (seen.samples < minimum) return { verdict: 'UNDECIDED', reason: `${text}, ${minimum} needed` };
  const within = (min === null || seen.value >= min) && (max === null || seen.value <= max);
  return { verdict: within ? 'PASS' : 'FAIL', reason: text };
}

/**
 * Loss against the champion on the same step's traffic. The two arms answer different requests, so the bound is that of a
 * difference of two independent shares: FAIL when even its lower end is above the largest loss. Labels are few and late, so
 * PASS needs no proof here: that the candidate is no worse was proven by the experiment, and this gate is the net below.
 */
function judgeLoss(measured: GateMeasurement, maxLoss: number, minimum: number): Judgement {
  const { candidate, champion } = measured;
  if (champion === null)
    return { verdict: 'INVALID', reason: 'the accuracy gate needs the champion beside the candidate' };
  const least = Math.min(candidate.samples, champion.samples);
  if (least < minimum) return { verdict: 'UNDECIDED', reason: `${least} labelled answers, ${minimum} needed` };
  const [ours, theirs] = [candidate.value / candidate.samples, champion.value / champion.samples];
  const loss = theirs - ours;
  const z = zAtAnyTime(least, minimum);
  // Newcombe's hybrid score interval for a difference of shares (Statistics in Medicine 1998, method 10).
  const [a, b] = [
    wilson(candidate.value, candidate.samples, z) ?? UNKNOWN,
    wilson(champion.value, champion.samples, z) ?? UNKNOWN,
  ];
  const lower = loss - Math.sqrt((theirs - b.lower) ** 2 + (a.upper - ours) ** 2);
  const text = `candidate ${percent(ours)} of ${candidate.samples}, champion ${percent(theirs)} of ${champion.samples}, largest loss ${percent(maxLoss)}`;
  return { verdict: lower > maxLoss ? 'FAIL' : 'PASS', reason: text };
}

/**
 * Standard errors that a normal mean stays within at every look together with probability 1 − 2·FALSE_FAIL, narrowest at
 * `planned` observations: the asymptotic confidence sequence of I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas,
 * "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024, theorem 2.2.
 */
function zAtAnyTime(samples: number, planned: number): number {
  const alpha = 2 * FALSE_FAIL;
  const spread = (samples * (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1))) / Math.max(1, planned);
  return Math.sqrt(((2 * (spread + 1)) / spread) * Math.log(Math.sqrt(spread + 1) / alpha));
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(2)} %` : 'nothing';
}
