import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pendingJob } from '../testing/jobs.js';
import { obstacleToStart } from './admission.js';

const NOBODY = { jobs: 0, gpus: 0, gpusPromised: 0 };

describe('admission', () => {
  it.each([
    ['a free slot is taken', 0, NOBODY, { maxConcurrent: 1 }, null],
    ['no slot is free', 0, { ...NOBODY, jobs: 2 }, { maxConcurrent: 2 }, ['slot', '2 of at most 2 jobs run']],
    ['GPUs without a bound of ours', 8, { ...NOBODY, jobs: 1, gpus: 99 }, { maxConcurrent: 9 }, null],
    ['the last GPU is taken', 1, { ...NOBODY, gpus: 1 }, { maxConcurrent: 9, maxGpus: 2 }, null],
    [
      'no GPU is free',
      1,
      { ...NOBODY, gpus: 2 },
      { maxConcurrent: 9, maxGpus: 2 },
      ['gpu', 'it wants 1 GPU; 2 of at most 2 are taken'],
    ],
    [
      'a small job does not overtake a large one',
      1,
      { jobs: 1, gpus: 1, gpusPromised: 2 },
      { maxConcurrent: 9, maxGpus: 2 },
      ['gpu', 'it wants 1 GPU; 1 of at most 2 are taken, 2 are promised to older jobs'],
    ],
    ['a job without GPUs waits for none', 0, { ...NOBODY, gpus: 2 }, { maxConcurrent: 9, maxGpus: 2 }, null],
    [
      'more than may ever be had',
      3,
      NOBODY,
      { maxConcurrent: 9, maxGpus: 2 },
      ['never', 'it wants 3 GPUs, and jobs may have 2 together'],
    ],
  ] as const)('%s', (_name, gpus, taken, bounds, expected) => {
    const obstacle = obstacleToStart(pendingJob({ gpus }), taken, bounds);
    expect(obstacle === null ? null : [obstacle.kind, obstacle.message]).toEqual(expected);
  });

  it('never lets more run than may, and the oldest always starts once enough is free', () => {
    const natural = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        natural(9),
        natural(9),
        natural(9),
        natural(4),
        fc.integer({ min: 1, max: 9 }),
        natural(9),
        (...of) => {
          const [jobs, gpus, gpusPromised, wanted, maxConcurrent, maxGpus] = of;
          const taken = { jobs, gpus, gpusPromised };
          const obstacle = obstacleToStart(pendingJob({ gpus: wanted }), taken, { maxConcurrent, maxGpus });
          if (obstacle === null) {
            expect(jobs).toBeLessThan(maxConcurrent);
            if (wanted > 0) expect(gpus + wanted).toBeLessThanOrEqual(maxGpus);
          } else if (gpusPromised === 0 && jobs < maxConcurrent) {
            expect(gpus + wanted).toBeGreaterThan(maxGpus);
          }
        },
      ),
    );
  });
});
