import type { Job, JobWaiting } from './job.js';

/** What running jobs have taken, as one that wants to start sees it. */
export interface Occupancy {
  /** Jobs that are Running. */
  readonly jobs: number;
  /** GPUs that they have together. */
  readonly gpus: number;
  /** GPUs that older jobs wait for: a small job does not overtake a large one for ever. */
  readonly gpusPromised: number;
}

/** Bounds of the installation; `maxGpus` absent = none. */
export interface AdmissionBounds {
  readonly maxConcurrent: number;
  readonly maxGpus?: number | undefined;
}

/** Why a job may not start now, or null when it may. `never`: it asks for more than may ever be had. Total. */
export function obstacleToStart(
  job: Job,
  taken: Occupancy,
  bounds: AdmissionBounds,
): (Pick<JobWaiting, 'message'> & { readonly kind: 'slot' | 'gpu' | 'never' }) | null {
  const wanted = job.spec.gpus ?? 0;
  const { maxConcurrent, maxGpus } = bounds;
  if (maxGpus !== undefined && wanted > maxGpus)
    return { kind: 'never', message: `it wants ${gpus(wanted)}, and jobs may have ${maxGpus} together` };
  if (taken.jobs >= maxConcurrent)
    return { kind: 'slot', message: `${taken.jobs} of at most ${maxConcurrent} jobs run` };
  if (maxGpus === undefined || wanted === 0 || taken.gpus + taken.gpusPromised + wanted <= maxGpus) return null;
  const promised = taken.gpusPromised === 0 ? '' : `, ${taken.gpusPromised} are promised to older jobs`;
  return { kind: 'gpu', message: `it wants ${gpus(wanted)}; ${taken.gpus} of at most ${maxGpus} are taken${promised}` };
}

function gpus(count: number): string {
  return count === 1 ? '1 GPU' : `${count} GPUs`;
}
