import type { Digest } from '../../kernel/index.js';

/** A file beside the report, as the runner describes it. */
export type ReportedArtifact = {
  readonly file: string;
  readonly digest: Digest;
  /** `reference`: a newly trained full-precision model. `compressed`: wants to serve. */
  readonly kind: 'compressed' | 'reference';
  /** The version that it was made from. */
  readonly parent: Digest;
  readonly sizeBytes: number;
};

/** What came of one attempt (`ratchet.dev/report/v1`). "No candidate", with reasons, is a good answer. */
export type RunnerReport = {
  readonly schema: 'ratchet.dev/report/v1';
  readonly job: string;
  readonly attempt: string;
  readonly outcome: 'candidate' | 'no-candidate';
  readonly reasons: readonly string[];
  readonly artifacts: readonly ReportedArtifact[];
  /** How many rows were asked for and how many were really used. */
  readonly data: {
    readonly digest: Digest;
    readonly requested: number;
    readonly used: number;
    readonly labelled: number;
    readonly replay: number;
  };
  readonly figures: Readonly<Record<string, number | null>>;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
  readonly versions: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly command: string;
  readonly wallSeconds: number;
  readonly peakRssBytes: number;
};

/** What a report that could be read means for its job. */
export type Harvest =
  | { readonly kind: 'candidates'; readonly compressed: readonly ReportedArtifact[]; readonly reference: ReportedArtifact | null }
  /** The recipe ran and found nothing worth serving; running it again would find the same. */
  | { readonly kind: 'nothing'; readonly reason: string }
  /** It contradicts itself or its job. */
  | { readonly kind: 'broken'; readonly reason: string };

/** Reads a report as the answer to `job`'s attempt `attempt`. Total. */
export function harvest(report: RunnerReport, job: string, attempt: string, train: Digest): Harvest {
  if (report.job !== job || report.attempt !== attempt) {
    return { kind: 'broken', reason: `the report is of ${report.job}/${report.attempt}` };
  }
  if (report.data.digest !== train) return { kind: 'broken', reason: 'the report is about other data than the job gave' };
  const compressed = report.artifacts.filter((artifact) => artifact.kind === 'compressed');
  const references = report.artifacts.filter((artifact) => artifact.kind === 'reference');
  if (report.outcome === 'no-candidate') {
    return { kind: 'nothing', reason: report.reasons.length > 0 ? report.reasons.join('; ') : 'the runner found no candidate' };
  }
  if (compressed.length === 0) return { kind: 'broken', reason: 'the report promises a candidate and names none' };
  if (references.length > 1) return { kind: 'broken', reason: `the report names ${references.length} new references` };
  return { kind: 'candidates', compressed, reference: references[0] ?? null };
}
