import { describe, expect, it } from '@jest/globals';
import { pendingJob, runningJob, T0 } from '../testing/jobs.js';
import { jobDocument } from './job-document.js';
import { asSeen, cancelledFrom, pendingBecause, spentUntil } from './job-status.js';
import type { Job, JobStatus } from './job.js';

type Phase<Name extends JobStatus['phase']> = Extract<JobStatus, { phase: Name }>;
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const running = (over: Partial<Phase<'Running'>> = {}) => runningJob({}, over).status as Phase<'Running'>;
const quota = (message: string, since: Date) =>
  ({ state: 'waiting', waiting: { kind: 'quota', message, since } }) as const;
const seen = (startedAt?: Date) =>
  ({
    ...({ state: 'running', heartbeatAt: T0, progress: null, outputBytes: 0 } as const),
    ...(startedAt !== undefined && { startedAt }),
  }) as const;

describe('time that an attempt waits', () => {
  it('is neither charged nor counted as run', () => {
    const waits = asSeen(running(), quota('no GPU left', at(1)), at(5));
    expect(waits.waiting).toEqual({ kind: 'quota', message: 'no GPU left', since: at(1) });
    expect(spentUntil(waits, at(500))).toBe(0);
    expect(cancelledFrom(waits, 'no', at(500)).runnerSeconds).toBe(0);
    const runs = asSeen(waits, seen(at(500)), at(505));
    expect(runs).toMatchObject({ startedAt: at(500) });
    expect(runs.waiting).toBeUndefined();
    expect(spentUntil(runs, at(520))).toBe(20);
  });

  it('goes on as long as its kind is the same, whatever is said about it', () => {
    const first = asSeen(running(), quota('behind two', at(1)), at(5));
    expect(asSeen(first, quota('behind two', at(9)), at(9))).toBe(first);
    expect(asSeen(first, quota('behind one', at(9)), at(9)).waiting).toMatchObject({
      message: 'behind one',
      since: at(1),
    });
  });

  it('a start that nobody saw was at the latest now, and never in the future or before the launch', () => {
    const waits = asSeen(running(), quota('x', at(1)), at(5));
    expect(asSeen(waits, seen(), at(50)).startedAt).toEqual(at(50));
    expect(asSeen(waits, seen(at(99)), at(50)).startedAt).toEqual(at(50));
    expect(asSeen(waits, seen(at(-9)), at(50)).startedAt).toEqual(T0);
  });

  it('a runner that knows of no waiting changes nothing', () => {
    const status = running();
    expect(asSeen(status, seen(), at(9))).toBe(status);
    expect(asSeen(status, { state: 'absent' }, at(9))).toBe(status);
  });

  it('before the launch is said with the time since which it is so', () => {
    const pending = pendingJob().status as Phase<'Pending'>;
    const first = pendingBecause(pending, 'gpu', '2 of 2', at(3));
    expect(first.waiting).toEqual({ kind: 'gpu', message: '2 of 2', since: at(3) });
    expect(pendingBecause(first, 'gpu', '2 of 2', at(4))).toBe(first);
    expect(pendingBecause(first, 'slot', '1 of 1', at(5)).waiting?.since).toEqual(at(5));
  });
});

describe('after an attempt that ran out of memory', () => {
  const contract = {
    task: { kind: 'classification', classes: ['a', 'b'] },
    input: {} as never,
    output: {} as never,
  } as never;
  const train = { digest: 'sha256:x', rows: 1, labelled: 0 } as never;
  const parametersOf = (job: Job) =>
    jobDocument(job, job.status.attempt, contract, train, { reference: '', champion: '', train: '' })['parameters'];

  it.each([
    ['quantize-static', { perChannel: true }, { perChannel: true, batchSize: 16 }],
    ['quantize-static', { batchSize: 1 }, { batchSize: 1 }],
    [
      'incremental-distillation',
      { distil: { batchSize: 100, epochs: 2 } },
      { fineTune: { batchSize: 32 }, distil: { batchSize: 50, epochs: 2 }, quantize: { batchSize: 16 } },
    ],
  ] as const)('the batches of %s are half as large', (recipe, parameters, expected) => {
    const job = runningJob({ recipe, parameters });
    expect(parametersOf(job)).toEqual(parameters);
    expect(parametersOf({ ...job, status: running({ smaller: true }) })).toEqual(expected);
  });
});
