import type { Digest } from '../../kernel/index.js';
import type { Snapshot } from '../../telemetry/index.js';
import type { Trigger } from '../../triggers/index.js';
import { attemptOf, type Job, type JobSpec, type JobStatus } from '../domain/job.js';
import type { RunnerReport } from '../domain/report.js';

/** A digest made of one character. */
export function digestOf(letter: string): Digest {
  return `sha256:${letter.repeat(64)}`;
}

export const T0 = new Date('2026-01-01T00:00:00.000Z');

export const SNAPSHOT: Snapshot = {
  train: { digest: digestOf('c'), rows: 100, labelled: 40 },
  holdout: { digest: digestOf('d'), rows: 25, labelled: 10 },
  from: T0,
  until: T0,
};

export function jobSpec(over: Partial<JobSpec> = {}): JobSpec {
  return {
    trigger: 'digits-t1',
    recipe: 'quantize-static',
    parameters: {},
    reference: digestOf('a'),
    champion: digestOf('a'),
    freshSince: null,
    wallSeconds: 100,
    maxRssBytes: 1e9,
    threads: 1,
    maxAttempts: 3,
    cancel: null,
    ...over,
  };
}

export function pendingJob(over: Partial<JobSpec> = {}, id = 'digits-t1-job'): Job {
  return {
    id,
    model: 'digits',
    spec: jobSpec(over),
    status: {
      phase: 'Pending',
      attempt: attemptOf(id, 1),
      notBefore: T0,
      snapshot: null,
      runnerSeconds: 0,
      failures: [],
    },
    revision: 0,
    createdAt: T0,
    updatedAt: T0,
  };
}

export function runningJob(
  over: Partial<JobSpec> = {},
  status: Partial<Extract<JobStatus, { phase: 'Running' }>> = {},
): Job {
  const job = pendingJob(over);
  return {
    ...job,
    revision: 1,
    status: {
      phase: 'Running',
      attempt: attemptOf(job.id, 1),
      snapshot: SNAPSHOT,
      startedAt: T0,
      heartbeatAt: T0,
      progress: { step: 'launch', fraction: 0, message: 'starting' },
      runnerSeconds: 0,
      failures: [],
      ...status,
    },
  };
}

export function reportOf(over: Partial<RunnerReport> = {}): RunnerReport {
  return {
    schema: 'ratchet.dev/report/v1',
    job: 'digits-t1-job',
    attempt: 'digits-t1-job-a1',
    outcome: 'candidate',
    reasons: [],
    artifacts: [
      { file: 'candidate.onnx', digest: digestOf('b'), kind: 'compressed', parent: digestOf('a'), sizeBytes: 10 },
    ],
    read: { reference: digestOf('a'), champion: null, train: SNAPSHOT.train.digest },
    data: { digest: SNAPSHOT.train.digest, requested: 100, used: 100, labelled: 40, replay: 0 },
    figures: {},
    steps: [],
    versions: {},
    seed: 7,
    command: 'run',
    wallSeconds: 1,
    peakRssBytes: 1,
    ...over,
  };
}

export function openTrigger(over: Partial<Trigger> = {}): Trigger {
  return {
    id: 'digits-t1',
    model: 'digits',
    spec: {
      cause: 'no-compressed-champion',
      remedy: { recipe: 'quantize-static', rung: 0, parameters: {} },
      champion: digestOf('a'),
      reference: digestOf('a'),
      reasons: [],
      findings: [],
      freshSince: null,
    },
    status: { phase: 'Open' },
    revision: 1,
    createdAt: T0,
    updatedAt: T0,
    ...over,
  };
}
