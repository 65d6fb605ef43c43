import { describe, expect, it } from '@jest/globals';
import { digestOf, reportOf, SNAPSHOT } from '../testing/jobs.js';
import { type Asked, harvest, type RunnerReport } from './report.js';

const ASKED: Asked = {
  job: 'digits-t1-job',
  attempt: 'digits-t1-job-a1',
  train: SNAPSHOT.train.digest,
  reference: digestOf('a'),
  champion: digestOf('a'),
};
const [compressed] = reportOf().artifacts;
const reference = { ...compressed!, file: 'reference.onnx', digest: digestOf('e'), kind: 'reference' as const };

describe('harvest', () => {
  it('takes the compressed ones and the new reference', () => {
    const student = { ...compressed!, parent: reference.digest };
    expect(harvest(reportOf({ artifacts: [reference, student] }), ASKED)).toEqual({
      kind: 'candidates',
      compressed: [student],
      reference,
    });
  });

  it.each<[string, Partial<RunnerReport>, string, string]>([
    [
      'no candidate, with reasons',
      { outcome: 'no-candidate', artifacts: [], reasons: ['too bad', 'too big'] },
      'nothing',
      'too bad; too big',
    ],
    [
      'no candidate and no word',
      { outcome: 'no-candidate', artifacts: [] },
      'nothing',
      'the runner found no candidate',
    ],
    [
      'the champion once more',
      { artifacts: [{ ...compressed!, digest: digestOf('a') }] },
      'nothing',
      'byte for byte the champion',
    ],
    ["another job's report", { job: 'other-t1-job' }, 'broken', 'the report is of other-t1-job'],
    ["another attempt's report", { attempt: 'digits-t1-job-a2' }, 'broken', 'digits-t1-job-a2'],
    ['other data', { data: { ...reportOf().data, digest: digestOf('f') } }, 'broken', 'other data'],
    ['other bytes', { read: { ...reportOf().read, train: digestOf('f') } }, 'broken', 'other data'],
    ['another reference', { read: { ...reportOf().read, reference: digestOf('f') } }, 'broken', 'other models'],
    ['another champion', { read: { ...reportOf().read, champion: digestOf('f') } }, 'broken', 'other models'],
    ['a promise without a file', { artifacts: [reference] }, 'broken', 'promises a candidate'],
    [
      'two new references',
      { artifacts: [compressed!, reference, { ...reference, digest: digestOf('9') }] },
      'broken',
      '2 new references',
    ],
    ['an unknown parent', { artifacts: [{ ...compressed!, parent: digestOf('0') }] }, 'broken', 'descends from'],
  ])('%s', (_name, over, kind, reason) => {
    const found = harvest(reportOf(over), ASKED);
    expect(found.kind).toBe(kind);
    expect('reason' in found ? found.reason : '').toContain(reason);
  });
});
