import type { Clock, ReconcileResult, Reconciler } from '../kernel/index.js';
import type { ChampionHistory, ChangeLock } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { RouteStore } from '../serving/index.js';
import { advanceExperiment, type ExperimentObservation, invalidity } from './domain/advance-experiment.js';
import type { Experiment, ExperimentStatus } from './domain/experiment.js';
import type { ExperimentEndings } from './experiment-endings.js';
import { EXPERIMENT_KIND } from './experiment-intake.js';
import { experimentsConcluded, pairsEntered, pairsSeen, wealth } from './metrics.js';
import type { Entry, PairEntry } from './pair-entry.js';
import type { ExperimentStore } from './ports.js';

/** A reading is saved at most this often; the test itself is computed afresh from the log of pairs on every pass. */
const SAVE_EVERY_MS = 1_000;

type Situation = Pick<ExperimentObservation, 'championNow' | 'stableNow' | 'locked'>;

const NO_ENTRY: Entry = { pairs: [], entered: [], fault: null };

/** Waits for its turn, mirrors requests to the candidate, and ends when something is proven or the plan is over. */
export class ExperimentReconciler implements Reconciler {
  readonly kind = EXPERIMENT_KIND;

  constructor(
    private readonly experiments: ExperimentStore,
    private readonly seen: {
      readonly champions: ChampionHistory;
      readonly routes: RouteStore;
      readonly lock: ChangeLock;
    },
    private readonly entry: PairEntry,
    private readonly endings: ExperimentEndings,
    private readonly clock: Clock,
    private readonly passMs: number,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const experiment = await this.experiments.find(key);
    if (experiment === null || experiment.status.phase === 'Concluded') return {};
    const situation = await this.observe(experiment);
    const entry = await this.enter(experiment, situation);
    const next = advanceExperiment(experiment, { ...situation, pairs: entry.pairs, now: this.clock.now() });
    await this.save(experiment, next);
    for (const { truth } of entry.entered) pairsEntered.inc({ model: experiment.model, truth });
    if (entry.fault !== null) log.warn({ experiment: key, reason: entry.fault }, 'the reference could not be asked');
    return next.phase === 'Concluded' ? {} : { requeueAfterMs: this.passMs };
  }

  /** Asks for the lock only when the champion that the plan is about serves. */
  private async observe(experiment: Experiment): Promise<Situation> {
    const { model, spec } = experiment;
    const championNow = (await this.seen.champions.current(model))?.champion ?? null;
    const stableNow = (await this.seen.routes.find(model))?.stable ?? null;
    const sound = invalidity(experiment, championNow) === null && stableNow === championNow;
    return { championNow, stableNow, locked: sound && (await this.seen.lock.acquire(model, spec.candidate)) };
  }

  private async enter(experiment: Experiment, { championNow, locked }: Situation): Promise<Entry> {
    const { status } = experiment;
    if (status.phase !== 'Running' || invalidity(experiment, championNow) !== null) return NO_ENTRY;
    if (locked) await this.mirror(experiment);
    return this.entry.enter(experiment, status.startedAt);
  }

  /** States the whole wish on every pass: everything to the champion, a copy to the candidate. */
  private async mirror({ model, spec }: Experiment): Promise<void> {
    const route = await this.seen.routes.find(model);
    if (route === null) return;
    const { stable, salt } = route;
    const { candidateVersion: mirror, mirrorFraction } = spec;
    const nobody = { candidate: null, weight: 0, confirmBy: null };
    await this.seen.routes.state({ model, stable, salt, mirror, mirrorFraction, ...nobody });
  }

  private async save(experiment: Experiment, next: ExperimentStatus): Promise<void> {
    const { id, model, status } = experiment;
    if (next.phase === 'Concluded') {
      await this.endings.conclude(experiment, next);
      experimentsConcluded.inc({ model, verdict: next.verdict });
    } else if (next.phase !== status.phase || this.worthSaving(experiment, next)) {
      await this.experiments.save({ ...experiment, status: next });
    }
    if (next.phase !== 'Waiting') {
      wealth.set({ model, claim: 'non-inferior' }, next.reading.wealthNonInferior);
      wealth.set({ model, claim: 'harm' }, next.reading.wealthHarm);
      pairsSeen.set({ model }, next.reading.pairs);
    }
    if (next.phase === status.phase) return;
    const verdict = next.phase === 'Concluded' ? { verdict: next.verdict, reason: next.reason } : {};
    log.info({ experiment: id, model, phase: next.phase, ...verdict }, 'experiment advanced');
  }

  private worthSaving({ status, updatedAt }: Experiment, next: ExperimentStatus): boolean {
    if (next.phase === 'Waiting') return status.phase === 'Waiting' && next.reason !== status.reason;
    if (next.phase !== 'Running' || status.phase !== 'Running') return false;
    const due = this.clock.now().getTime() - updatedAt.getTime() >= SAVE_EVERY_MS;
    return due && next.reading.pairs !== status.reading.pairs;
  }
}
