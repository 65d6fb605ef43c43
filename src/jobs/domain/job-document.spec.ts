import { describe, expect, it } from '@jest/globals';
import { digitsModel } from '../testing/model.js';
import { digestOf, pendingJob, SNAPSHOT } from '../testing/jobs.js';
import { jobDocument, seedOf } from './job-document.js';
import { attemptOf } from './job.js';

describe('jobDocument', () => {
  const paths = { reference: '/a/ref', champion: '/a/champ', train: '/a/train' };

  it('says all that a runner needs, and nothing else', () => {
    const job = pendingJob({ parameters: { method: 'ema' } });
    expect(jobDocument(job, attemptOf(job.id, 2), digitsModel().spec, SNAPSHOT.train, paths)).toEqual({
      schema: 'ratchet.dev/job/v1',
      job: 'digits-t1-job',
      attempt: 'digits-t1-job-a2',
      model: {
        name: 'digits',
        task: { kind: 'classification', classes: 10 },
        input: { name: 'input', datatype: 'FP32', shape: [-1, 1, 28, 28] },
        output: { name: 'logits', datatype: 'FP32', shape: [-1, 10] },
      },
      recipe: 'quantize-static',
      parameters: { method: 'ema' },
      artifacts: {
        reference: { path: '/a/ref', digest: digestOf('a') },
        champion: { path: '/a/champ', digest: digestOf('a') },
      },
      data: { train: { path: '/a/train', digest: digestOf('c'), rows: 100, labelled: 40 } },
      limits: { wallSeconds: 100, maxRssBytes: 1e9, threads: 1 },
      seed: seedOf('digits-t1-job'),
    });
  });

  it('gives every attempt of a job the same seed, and other jobs others', () => {
    expect(seedOf('digits-t1-job')).toBe(seedOf('digits-t1-job'));
    expect(seedOf('digits-t1-job')).not.toBe(seedOf('digits-t2-job'));
    expect(seedOf('x')).toBeLessThan(2 ** 32);
  });
});
