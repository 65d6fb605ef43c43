import type { ModelSpec } from '../../models/index.js';
import type { SnapshotFile } from '../../telemetry/index.js';
import type { Job, JobAttempt } from './job.js';
import { withSmallerBatches } from './smaller-batches.js';

/** Where the files of a job's document lie on the runner's side. */
export interface JobPaths {
  readonly reference: string;
  readonly champion: string;
  readonly train: string;
}

/** The runner's job document (`ratchet.dev/job/v1`); the same for the same job and attempt. */
export function jobDocument(
  job: Job,
  attempt: JobAttempt,
  model: Pick<ModelSpec, 'task' | 'input' | 'output'>,
  train: SnapshotFile,
  paths: JobPaths,
): Readonly<Record<string, unknown>> {
  const { spec, status } = job;
  const smaller = 'smaller' in status && status.smaller;
  const { task, input, output } = model;
  return {
    schema: 'ratchet.dev/job/v1',
    job: job.id,
    attempt: attempt.name,
    model: { name: job.model, task, input, output },
    recipe: spec.recipe,
    parameters: smaller ? withSmallerBatches(spec.recipe, spec.parameters) : spec.parameters,
    artifacts: {
      reference: { path: paths.reference, digest: spec.reference },
      champion: { path: paths.champion, digest: spec.champion },
    },
    data: { train: { path: paths.train, digest: train.digest, rows: train.rows, labelled: train.labelled } },
    limits: { wallSeconds: spec.wallSeconds, maxRssBytes: spec.maxRssBytes, threads: spec.threads },
    seed: seedOf(job.id),
  };
}

/** A seed that every attempt of a job shares, so that equal inputs give equal candidates (FNV-1a, 32 bits). */
export function seedOf(job: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < job.length; i += 1) hash = Math.imul(hash ^ job.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/**
 * Rows older than the change that a recipe wants beside the fresh ones. Training forgets what it no longer sees, so it
 * takes as many as it can use; calibration only keeps its ranges from closing around the new traffic alone.
 */
export const REPLAY_ROWS = { 'quantize-static': 128, 'incremental-distillation': 1000, compress: 1000 } as const;
