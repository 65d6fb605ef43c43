import type { ModelSpec } from '../../../models/index.js';
import type { MeasuredEvaluation } from '../../domain/candidate.js';

export type Role = 'candidate' | 'reference' | 'champion';

/** What the evaluating process is told, as a JSON file. */
export interface EvaluationTask {
  readonly model: Pick<ModelSpec, 'task' | 'input' | 'output'>;
  /** Paths of model files. Equal paths are loaded and measured once. */
  readonly versions: Readonly<Record<Role, string>>;
  readonly holdout: string;
  readonly seed: number;
  readonly rounds: number;
  readonly calls: number;
  readonly maxRows: number;
  /** Standard deviation of the added noise as a share of the input's. */
  readonly noise: number;
  readonly wallSeconds: number;
  readonly parentPid: number;
}

/** What it is at; the parent keeps the newest, to say when it had to be killed. */
export type Stage =
  'data' | 'load reference' | 'load champion' | 'load candidate' | 'score' | 'score noise' | 'latency';

/** An evaluation before the parent adds what it knows: when, and which data. */
export type Measurements = Omit<MeasuredEvaluation, 'at' | 'dataset'> & {
  readonly dataset: { readonly rows: number; readonly labelled: number; readonly from: string; readonly until: string };
};

/** One JSON line each on standard output; the last one is the result. */
export type Line =
  | { readonly stage: Stage }
  | { readonly outcome: 'measured'; readonly measurements: Measurements }
  /** The candidate's fault. */
  | { readonly outcome: 'refused'; readonly reasons: readonly string[] }
  /** Somebody else's fault: the data, the reference or the champion. */
  | { readonly outcome: 'failed'; readonly reason: string };
