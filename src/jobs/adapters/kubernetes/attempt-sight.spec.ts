import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AttemptNews } from '../../ports.js';
import { readAttempt } from './attempt-sight.js';
import type { Condition, JobObject, PodObject } from './objects.js';

const T0 = new Date('2026-01-01T00:00:00.000Z');
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const text = (seconds: number) => at(seconds).toISOString();

const SILENT: AttemptNews = { heartbeatAt: null, progress: null, outputBytes: 0, logTail: '', ended: null };
const heard: AttemptNews = { ...SILENT, heartbeatAt: at(30), outputBytes: 7 };
const said = (exitCode: number, error: string | null = null): AttemptNews => ({
  ...heard,
  ended: { exitCode, error, at: at(40) },
});
const condition = (type: string, over: Partial<Condition> = {}): Condition => ({ type, status: 'True', ...over });

function job(over: { suspend?: boolean; conditions?: Condition[]; deleted?: boolean } = {}): JobObject {
  const { suspend = false, conditions = [], deleted = false } = over;
  return {
    metadata: {
      ...{ name: 'j', uid: 'u', resourceVersion: '1', creationTimestamp: text(0) },
      ...(deleted && { deletionTimestamp: text(20) }),
    },
    spec: { suspend },
    status: { conditions },
  };
}

type PodStatus = NonNullable<PodObject['status']>;
type State = NonNullable<NonNullable<PodStatus['containerStatuses']>[number]['state']>;

function pod(status: PodStatus = {}, state?: State): PodObject {
  return {
    metadata: { name: 'p', uid: 'v', resourceVersion: '1', creationTimestamp: text(1) },
    status: {
      ...status,
      ...(state !== undefined && { containerStatuses: [{ name: 'runner', state }] }),
      conditions: [condition('PodScheduled'), ...(status.conditions ?? [])],
    },
  };
}

const running = pod({ phase: 'Running', startTime: text(2) }, { running: { startedAt: text(10) } });
const ended = (exitCode: number, over: PodStatus = {}, reason = 'Error') =>
  pod(
    { phase: exitCode === 0 ? 'Succeeded' : 'Failed', startTime: text(2), ...over },
    { terminated: { exitCode, reason, startedAt: text(10), finishedAt: text(50) } },
  );
const evicted = { conditions: [condition('DisruptionTarget', { reason: 'EvictionByEvictionAPI' })] };
const failedBy = (reason: string, message = '') => job({ conditions: [condition('Failed', { reason, message })] });

describe('what is seen of an attempt', () => {
  it.each<[string, JobObject | null, PodObject[], AttemptNews, object]>([
    ['nothing at all', null, [], SILENT, { state: 'absent' }],
    [
      'no Job, but it ran',
      null,
      [],
      heard,
      { state: 'exited', exitCode: null, error: 'its Job is gone from the cluster' },
    ],
    ['no Job, but its last word', null, [], said(0), { state: 'exited', exitCode: 0, endedAt: at(40) }],
    [
      'a suspended Job',
      job({ suspend: true }),
      [],
      SILENT,
      { state: 'waiting', waiting: { kind: 'quota', since: T0 } },
    ],
    ['a Job without a pod', job(), [], SILENT, { state: 'waiting', waiting: { kind: 'capacity' } }],
    [
      'a pod without a machine',
      job(),
      [
        {
          ...pod(),
          status: {
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                reason: 'Unschedulable',
                message: '1 Insufficient nvidia.com/gpu',
              },
            ],
          },
        },
      ],
      SILENT,
      { state: 'waiting', waiting: { kind: 'capacity', message: '1 Insufficient nvidia.com/gpu', since: at(1) } },
    ],
    [
      'a pod that gets its image',
      job(),
      [pod({ startTime: text(2) }, { waiting: { reason: 'ContainerCreating' } })],
      SILENT,
      { state: 'waiting', waiting: { kind: 'starting', since: at(2) } },
    ],
    [
      'a pod whose image is not there',
      job(),
      [pod({ startTime: text(2) }, { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling "x"' } })],
      SILENT,
      { state: 'waiting', waiting: { kind: 'image', message: 'ImagePullBackOff: Back-off pulling "x"' } },
    ],
    [
      'a pod that runs and has said nothing',
      job(),
      [running],
      SILENT,
      { state: 'running', startedAt: at(10), heartbeatAt: at(10) },
    ],
    ['a pod that runs and speaks', job(), [running], heard, { state: 'running', heartbeatAt: at(30), outputBytes: 7 }],
    [
      'its last word before its pod is gone',
      job(),
      [running],
      said(1, 'no'),
      { exitCode: 1, error: 'no', endedAt: at(40) },
    ],
    [
      'the last word of one that told it and ended',
      job(),
      [ended(4)],
      said(4, 'custom operators'),
      { exitCode: 4, error: 'custom operators', startedAt: at(10) },
    ],
    ['a pod that ended badly without a word', job(), [ended(1)], heard, { exitCode: 1, endedAt: at(50) }],
    [
      'one that ended well without a word',
      job(),
      [ended(0)],
      heard,
      { exitCode: null, error: 'it ended without telling how' },
    ],
    ['one that was killed', job(), [ended(137)], heard, { exitCode: 137, signal: 'SIGKILL' }],
    ['one that held too much', job(), [ended(137, {}, 'OOMKilled')], heard, { exitCode: 137, cause: 'out-of-memory' }],
    ['one whose part was killed for it', job(), [ended(1, {}, 'OOMKilled')], said(1), { cause: 'out-of-memory' }],
    [
      'an evicted one',
      job(),
      [ended(143, evicted)],
      said(143, 'ended by SIGTERM'),
      { exitCode: 143, cause: 'disrupted' },
    ],
    [
      'one whose queue took its machine back',
      job({ suspend: true }),
      [],
      said(143),
      { exitCode: 143, cause: 'disrupted' },
    ],
    ['an evicted one that was ready', job(), [ended(143, evicted)], said(0), { exitCode: 0 }],
    ['an evicted one that had refused its data', job(), [ended(3, evicted)], said(3), { exitCode: 3 }],
    [
      'an evicted one whose pod is gone',
      failedBy('PodFailurePolicy', 'Pod a/b has condition DisruptionTarget matching FailJob rule at index 0'),
      [],
      heard,
      { exitCode: null, cause: 'disrupted' },
    ],
    [
      'one that took more disk than it may',
      job(),
      [
        ended(137, {
          ...evicted,
          reason: 'Evicted',
          message: 'Usage of EmptyDir volume "work" exceeds the limit "8G".',
        }),
      ],
      heard,
      { exitCode: 137, error: 'Usage of EmptyDir volume "work" exceeds the limit "8G".' },
    ],
    ['one that took too long', failedBy('DeadlineExceeded'), [], heard, { cause: 'deadline' }],
    [
      'one that took too long on its machine',
      job(),
      [ended(137, { reason: 'DeadlineExceeded' })],
      heard,
      { cause: 'deadline' },
    ],
    ['a pod that somebody deleted', failedBy('BackoffLimitExceeded'), [], heard, { exitCode: null, error: null }],
    [
      'a Job that somebody deletes',
      job({ deleted: true }),
      [],
      heard,
      { error: 'its Job was deleted by somebody else' },
    ],
  ])('%s', (_name, theJob, pods, news, seen) => {
    expect(readAttempt(theJob, pods, news, at(60))).toMatchObject(seen);
  });

  it('what took more disk than it may has no excuse', () => {
    const greedy = ended(137, { ...evicted, message: 'The node was low on resource; usage exceeds its request' });
    expect(readAttempt(job(), [greedy], heard, at(60))).not.toHaveProperty('cause');
  });

  it('of several pods the newest counts', () => {
    const old = { ...ended(1), metadata: { ...running.metadata, name: 'old', creationTimestamp: text(0) } };
    expect(readAttempt(job(), [running, old], heard, at(60)).state).toBe('running');
  });

  it('never makes a success of anything but the runner’s own word, and never forgets that one', () => {
    const exitCode = fc.integer({ min: 0, max: 255 });
    const pods = fc.oneof(
      fc.constant([]),
      fc.constant([running]),
      exitCode.map((code) => [ended(code)]),
      exitCode.map((code) => [ended(code, evicted)]),
      exitCode.map((code) => [ended(code, {}, 'OOMKilled')]),
    );
    const jobs = fc.constantFrom(
      null,
      job(),
      job({ deleted: true }),
      failedBy('DeadlineExceeded'),
      failedBy('PodFailurePolicy'),
    );
    const news = fc.oneof(
      fc.constantFrom(SILENT, heard),
      exitCode.map((code) => said(code)),
    );
    fc.assert(
      fc.property(jobs, pods, news, (theJob, thePods, theNews) => {
        const seen = readAttempt(theJob, thePods, theNews, at(60));
        const own = theNews.ended?.exitCode ?? null;
        if (seen.state === 'exited' && seen.exitCode === 0) expect(own).toBe(0);
        if (own !== null) expect(seen.state).toBe('exited');
        if (own === 0) expect(seen).toMatchObject({ exitCode: 0 });
        if (theJob === null && thePods.length === 0 && theNews === SILENT) expect(seen).toEqual({ state: 'absent' });
      }),
      { numRuns: 500 },
    );
  });
});
