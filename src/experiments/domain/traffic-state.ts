import type { ExperimentReading, ExperimentSpec } from './experiment.js';
import { duration } from './reckon.js';

/** Before it has run for so long nothing is said about its traffic. */
const GRACE_SECONDS = 10;

/**
 * What a running experiment lacks and how much it needs, in one clause; null when it comes along as planned. It never says
 * anything about the candidate.
 * @param requests requests of the model in the last minutes, null = not looked at
 */
export function lackOf(
  spec: Pick<ExperimentSpec, 'mode' | 'maxSeconds' | 'plan' | 'truth'>,
  { pairs }: Pick<ExperimentReading, 'pairs'>,
  elapsed: number,
  requests: number | null,
): string | null {
  if (elapsed < GRACE_SECONDS) return null;
  const needed = spec.plan?.samples ?? null;
  const need = needed === null ? '' : `; ${needed} judged requests are needed`;
  if (requests === 0) return `no traffic: no request of this model has come in the last minutes${need}`;
  if (pairs === 0) return `no request could be judged yet, ${because(spec)}${need}`;
  if (needed === null || pairs >= needed) return null;
  const whole = (elapsed * needed) / pairs;
  if (whole <= spec.maxSeconds) return null;
  return `too little traffic: ${pairs} of ${needed} judged requests in ${duration(elapsed)}; at this rate it takes ${duration(whole)}, and maxSeconds allows ${duration(spec.maxSeconds)}`;
}

function because({ mode, truth }: Pick<ExperimentSpec, 'mode' | 'truth'>): string {
  if (mode === 'live') return 'because no labels of both arms have come';
  return truth === 'labels'
    ? 'because no labels have come'
    : 'because neither labels have come nor inputs are kept that the reference could score';
}
