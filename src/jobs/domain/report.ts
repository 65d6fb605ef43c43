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
  /** Digests of the bytes that were really read; the champion's is null when the reference serves itself. */
  readonly read: { readonly reference: Digest; readonly champion: Digest | null; readonly train: Digest };
  /** How many rows were asked for and how many were really used. */
  readonly data: {
    readonly digest: Digest;
    readonly requested: number;
    readonly used: number;
    readonly labelled: number;
    readonly replay: number;
    /** Rows for training, for choosing, for the final figures; absent in reports of older runners. */
    readonly split?:
      | {
          readonly by: 'request' | 'entity' | 'time';
          readonly train: number;
          readonly select: number;
          readonly heldBack: number;
          readonly entities: number | null;
        }
      | null
      | undefined;
  };
  readonly figures: Readonly<Record<string, number | null>>;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
  readonly versions: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly command: string;
  readonly wallSeconds: number;
  readonly peakRssBytes: number;
  /** Everything that was tried, in that order; recipes that try one thing tell nothing here. */
  readonly alternatives?: readonly ReportedAlternative[] | undefined;
  /** The candidate on rows that no search saw, as the runner's evaluation wrote it. */
  readonly evaluation?: Readonly<Record<string, unknown>> | null | undefined;
  /** What the runner expected of everything it could have tried. */
  readonly plan?: readonly PlannedAlternative[] | undefined;
  /** Profile of the machine that the candidate is made for. */
  readonly hardware?: string | null | undefined;
  readonly objectives?: Readonly<Record<string, unknown>> | null | undefined;
};

/** One way to a candidate and what became of it. */
export type ReportedAlternative = {
  readonly name: string;
  readonly outcome: 'chosen' | 'eligible' | 'rejected' | 'refused' | 'failed' | 'skipped';
  readonly reasons: readonly string[];
  readonly figures: Readonly<Record<string, number | null>>;
  readonly digest: Digest | null;
  readonly sizeBytes: number | null;
  readonly pareto: boolean;
  readonly seconds: number;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
};

/** What an alternative was expected to take and to bring for this model, data and machine. */
export type PlannedAlternative = {
  readonly name: string;
  /** Why it cannot be done; empty where it can. */
  readonly objections: readonly string[];
  readonly seconds: number;
  readonly peakBytes: number;
  /** Candidate / reference. */
  readonly sizeRatio: number;
  readonly latencyRatio: number;
};

/** What a report that could be read means for its job. */
export type Harvest =
  | {
      readonly kind: 'candidates';
      readonly compressed: readonly ReportedArtifact[];
      readonly reference: ReportedArtifact | null;
    }
  /** The recipe ran and found nothing worth serving; running it again would find the same. */
  | { readonly kind: 'nothing'; readonly reason: string }
  /** It contradicts itself or its job. */
  | { readonly kind: 'broken'; readonly reason: string };

/** What the job had asked for, as far as a report must agree with it. */
export interface Asked {
  readonly job: string;
  readonly attempt: string;
  readonly train: Digest;
  readonly reference: Digest;
  readonly champion: Digest;
}

/** Reads a report as the answer to what was asked. Total. */
export function harvest(report: RunnerReport, asked: Asked): Harvest {
  const contradiction = contradictionIn(report, asked);
  if (contradiction !== null) return { kind: 'broken', reason: contradiction };
  if (report.outcome === 'no-candidate') {
    return {
      kind: 'nothing',
      reason: report.reasons.length > 0 ? report.reasons.join('; ') : 'the runner found no candidate',
    };
  }
  const compressed = report.artifacts.filter((artifact) => artifact.kind === 'compressed');
  const reference = report.artifacts.find((artifact) => artifact.kind === 'reference') ?? null;
  const fresh = compressed.filter((artifact) => artifact.digest !== asked.champion);
  if (fresh.length === 0)
    return { kind: 'nothing', reason: 'the candidate is byte for byte the champion that serves already' };
  return { kind: 'candidates', compressed: fresh, reference };
}

function contradictionIn(report: RunnerReport, asked: Asked): string | null {
  if (report.job !== asked.job || report.attempt !== asked.attempt)
    return `the report is of ${report.job}/${report.attempt}`;
  if (report.data.digest !== asked.train || report.read.train !== asked.train) {
    return 'the report is about other data than the job gave';
  }
  const { reference, champion } = report.read;
  if (reference !== asked.reference || (champion ?? asked.reference) !== asked.champion) {
    return 'the report is about other models than the job gave';
  }
  const references = report.artifacts.filter((artifact) => artifact.kind === 'reference');
  if (references.length > 1) return `the report names ${references.length} new references`;
  const ancestors = new Set([asked.reference, asked.champion, ...references.map((artifact) => artifact.digest)]);
  const foundling = report.artifacts.find((artifact) => !ancestors.has(artifact.parent));
  if (foundling !== undefined) return `${foundling.file} descends from ${foundling.parent}, which the job did not give`;
  const promised =
    report.outcome === 'candidate' && !report.artifacts.some((artifact) => artifact.kind === 'compressed');
  return promised ? 'the report promises a candidate and names none' : null;
}
