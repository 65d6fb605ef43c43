import { type Clock, type Digest, type UnitOfWork } from '../kernel/index.js';
import type { ModelStore } from '../models/index.js';
import type { ExposureLog } from '../serving/index.js';
import type { AnswerLedger, WindowStore } from '../telemetry/index.js';
import { wealthOf } from './domain/error-ratio.js';
import type { Experiment, ExperimentReading, ExposureReading } from './domain/experiment.js';
import {
  type ArmTally,
  foldLabels,
  foldWindows,
  LIVE_BEGIN,
  type LiveProgress,
  readLive,
} from './domain/live-progress.js';
import { logMismatch } from './domain/ratio-mismatch.js';
import type { ProgressStore } from './ports.js';

/** Labelled answers of each arm that one pass counts. */
const MOST_LABELS = 5_000;

interface Stretch {
  readonly model: string;
  readonly from: number;
  readonly until: number;
  readonly startedAt: Date;
}

/** Counts what the two arms of a live experiment did, each window and each label once. */
export class LiveEntry {
  constructor(
    private readonly parts: {
      readonly progress: ProgressStore;
      readonly windows: WindowStore;
      readonly ledger: AnswerLedger;
      readonly exposures: ExposureLog;
      readonly models: ModelStore;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
    /** A window is counted so long after its end, so that its last answers are in it. */
    private readonly settleSeconds: number,
  ) {}

  /** Repeatable: what was counted and how far are saved together. */
  async enter({ id, model, spec }: Experiment, startedAt: Date): Promise<ExperimentReading> {
    const { progress: store, models, unitOfWork } = this.parts;
    const stored = await store.find(id);
    const before = stored?.kind === 'live' ? stored : { ...LIVE_BEGIN, until: startedAt.getTime() };
    const { telemetry } = (await models.require(model)).spec;
    const until = this.closedUntil(telemetry.windowSeconds, before.until);
    const stretch = { model, from: before.until, until, startedAt };
    const champion = await this.count(stretch, spec.champion, before.champion, before.labels.champion);
    const candidate = await this.count(stretch, spec.candidateVersion, before.candidate, before.labels.candidate);
    const counted: LiveProgress = {
      ...{ ...before, until, champion: champion.tally, candidate: candidate.tally },
      labels: { champion: champion.label, candidate: candidate.label },
    };
    const newestAt = until > before.until ? until : before.newestAt;
    const { reading, progress } = readLive({ ...counted, newestAt }, spec, await this.exposure(spec));
    await unitOfWork.run('experiments.count', () => store.save(id, progress));
    return reading;
  }

  /** The end of the newest window that is closed and settled, a multiple of the windows' length. */
  private closedUntil(windowSeconds: number, from: number): number {
    const size = 1000 * windowSeconds;
    const settled = this.parts.clock.now().getTime() - 1000 * this.settleSeconds;
    return Math.max(from, Math.floor(settled / size) * size);
  }

  /** An arm's windows of this stretch and the labels that have come since the last pass. */
  private async count(
    { model, from, until, startedAt }: Stretch,
    version: Digest,
    tally: ArmTally,
    label: number,
  ): Promise<{ readonly tally: ArmTally; readonly label: number }> {
    const { windows, ledger } = this.parts;
    const seen =
      until <= from ? tally : foldWindows(tally, await windows.list(model, version, new Date(from)), from, until);
    const answers = await ledger.labelledAfter(model, version, label, MOST_LABELS);
    return { tally: foldLabels(seen, answers, startedAt), label: answers.at(-1)?.sequence ?? label };
  }

  private async exposure(spec: Experiment['spec']): Promise<ExposureReading> {
    const { stable, candidate } = await this.parts.exposures.count(spec.salt);
    const shares = [1 - spec.weight / 100, spec.weight / 100];
    return { champion: stable, candidate, mismatch: wealthOf(logMismatch([stable, candidate], shares)) };
  }
}
