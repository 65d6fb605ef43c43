import { type Digest, RatchetError } from '../kernel/index.js';
import type { VersionRegistration } from '../models/index.js';
import { BrokenReport } from './domain/errors.js';
import type { Job, JobStatus } from './domain/job.js';
import { harvest, type ReportedArtifact, type RunnerReport } from './domain/report.js';
import type { Runner } from './ports.js';

type Running = Extract<JobStatus, { phase: 'Running' }>;

/** What an attempt that ended well has really brought. */
export type Collection =
  | {
      readonly kind: 'versions';
      readonly report: RunnerReport;
      readonly candidates: readonly Digest[];
      readonly reference: Digest | null;
    }
  /** Another attempt would end the same way. */
  | { readonly kind: 'nothing'; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string };

/** Reads an attempt's report, verifies its files and puts them into the catalog. Repeatable: registration is idempotent. */
export class JobCollector {
  constructor(
    private readonly runner: Runner,
    private readonly versions: VersionRegistration,
  ) {}

  async collect(job: Job, running: Running): Promise<Collection> {
    try {
      // Nothing may write into the folder any more while its files are verified.
      await this.runner.stop(running.attempt);
      return await this.read(job, running);
    } catch (error) {
      if (error instanceof BrokenReport) return { kind: 'broken', reason: error.message };
      if (error instanceof RatchetError && !error.retryable && error.code !== 'internal') {
        return { kind: 'nothing', reason: `the result is refused: ${error.message}` };
      }
      throw error;
    }
  }

  private async read(job: Job, running: Running): Promise<Collection> {
    const report = await this.runner.report(running.attempt);
    const { reference: oldReference, champion } = job.spec;
    const asked = {
      job: job.id,
      attempt: running.attempt.name,
      train: running.snapshot.train.digest,
      reference: oldReference,
      champion,
    };
    const found = harvest(report, asked);
    if (found.kind !== 'candidates') return found;
    const register = (artifact: ReportedArtifact, reference: Digest) =>
      this.register(job, running, artifact, reference);
    const reference = found.reference;
    if (reference !== null) await register(reference, reference.digest);
    const candidates: Digest[] = [];
    for (const artifact of found.compressed)
      candidates.push(await register(artifact, reference?.digest ?? oldReference));
    return { kind: 'versions', report, candidates, reference: reference?.digest ?? null };
  }

  private async register(job: Job, running: Running, artifact: ReportedArtifact, reference: Digest): Promise<Digest> {
    const { digest } = await this.versions.registerFile({
      model: job.model,
      path: await this.runner.outputPath(running.attempt, artifact),
      kind: artifact.kind,
      parent: artifact.parent,
      reference,
      recipe: job.spec.recipe,
      snapshot: running.snapshot.train.digest,
      data: { train: running.snapshot.train, holdout: running.snapshot.holdout },
      job: job.id,
    });
    if (digest !== artifact.digest)
      throw new BrokenReport(running.attempt.name, `${artifact.file} changed while it was stored`);
    return digest;
  }
}
