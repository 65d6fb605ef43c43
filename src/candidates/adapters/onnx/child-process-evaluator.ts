import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, RatchetError } from '../../../kernel/index.js';
import { ArtifactStore } from '../../../models/index.js';
import type { EvaluationOutcome } from '../../domain/candidate.js';
import { EvaluationUnavailable } from '../../domain/errors.js';
import { type EvaluationRequest, Evaluator } from '../../ports.js';
import { candidatesSettings, type CandidatesSettings } from '../../settings.js';
import type { EvaluationTask, Line, Stage } from './evaluation-protocol.js';
import { type Ended, runWatched } from './watched-process.js';

/** The child beside this file: the source where this is the source, the compilation where this is compiled. */
const CHILD = fileURLToPath(new URL(`./evaluation-child${extname(import.meta.url)}`, import.meta.url));

const NOISE = 0.1;
const SEED = 20_260_101;

/** Stages in which only the candidate, or all versions in turn, can be what goes wrong. */
const CANDIDATES_STAGES: ReadonlySet<Stage | null> = new Set<Stage | null>([
  'load candidate',
  'score',
  'score noise',
  'latency',
]);

/** Measures in a process of its own, so that a model that crashes, hangs or eats memory takes only that process with it. */
@Injectable()
export class ChildProcessEvaluator extends Evaluator {
  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly clock: Clock,
    @Inject(candidatesSettings.token) private readonly settings: CandidatesSettings,
  ) {
    super();
  }

  override async evaluate(request: EvaluationRequest): Promise<EvaluationOutcome> {
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-evaluation-'));
    try {
      const path = join(folder, 'task.json');
      await writeFile(path, JSON.stringify(await this.task(request)), { mode: 0o600 });
      const { maxRssBytes, wallSeconds } = this.settings;
      const limits = { maxRssBytes, wallMs: wallSeconds * 1000 };
      const ended = await runWatched(process.execPath, ['--no-warnings', CHILD, path], folder, limits);
      return this.read(request, ended);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async task(request: EvaluationRequest): Promise<EvaluationTask> {
    const { versions, holdout, model } = request;
    const { wallSeconds, latencyRounds, latencyCalls, maxRows } = this.settings;
    try {
      return {
        model: { task: model.task, input: model.input, output: model.output },
        versions: {
          candidate: await this.artifacts.verifiedPath(versions.candidate),
          reference: await this.artifacts.verifiedPath(versions.reference),
          champion: await this.artifacts.verifiedPath(versions.champion),
        },
        holdout: await this.artifacts.verifiedPath(holdout),
        seed: SEED,
        rounds: latencyRounds,
        calls: latencyCalls,
        maxRows,
        noise: NOISE,
        // A little more than the parent's own limit, which is the one that can say why.
        wallSeconds: wallSeconds + 5,
        parentPid: process.pid,
      };
    } catch (cause) {
      if (!(cause instanceof RatchetError)) throw cause;
      throw new EvaluationUnavailable(request.candidate, cause.message, { cause });
    }
  }

  private read(request: EvaluationRequest, ended: Ended): EvaluationOutcome {
    const lines = linesOf(ended.output);
    const last = lines.at(-1);
    if (last !== undefined && 'outcome' in last) {
      if (last.outcome === 'refused') return { kind: 'refused', reasons: last.reasons };
      if (last.outcome === 'failed') throw new EvaluationUnavailable(request.candidate, last.reason);
      const { dataset, ...rest } = last.measurements;
      const { rows, labelled, from, until } = dataset;
      const at = this.clock.now();
      return {
        kind: 'measured',
        evaluation: {
          ...rest,
          at,
          dataset: { digest: request.holdout, rows, labelled, from: new Date(from), until: new Date(until) },
        },
      };
    }
    const stage = last !== undefined && 'stage' in last ? last.stage : null;
    const reason = `${this.reasonOf(ended)} (at the stage "${stage ?? 'start'}")`;
    if (!CANDIDATES_STAGES.has(stage))
      throw new EvaluationUnavailable(request.candidate, `${reason} ${ended.errorTail}`.trim());
    return { kind: 'refused', reasons: [reason] };
  }

  private reasonOf(ended: Ended): string {
    const { maxRssBytes, wallSeconds } = this.settings;
    if (ended.killed === 'memory')
      return `the evaluation needed more than ${(maxRssBytes / 1e6).toFixed(0)} MB of memory`;
    if (ended.killed === 'time') return `the evaluation did not end within ${wallSeconds} s`;
    return `the evaluation ended with ${ended.signal ?? `exit code ${String(ended.exitCode)}`} and no result`;
  }
}

/** ONNX Runtime itself may write to standard output: what is not a line of ours is passed over. */
function linesOf(output: string): Line[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{"stage":') && !line.startsWith('{"outcome":')) return [];
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}
