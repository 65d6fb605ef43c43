import {
  type Clock,
  type FactBus,
  type ReconcileResult,
  type Reconciler,
  type UnitOfWork,
  withStatus,
} from '../kernel/index.js';
import type { CandidateStore } from '../candidates/index.js';
import type { ChampionHistory, ChangeLock } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { RouteStore } from '../serving/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { advanceExperiment, type ExperimentDecision, type ExperimentObservation } from './domain/advance-experiment.js';
import { playBets } from './domain/betting.js';
import { type Experiment, ExperimentConcluded, type ExperimentStatus } from './domain/experiment.js';
import { EXPERIMENT_KIND } from './experiment-intake.js';
import { concludedTotal, pairsCount, wealth } from './metrics.js';
import type { PairScorer } from './pair-scorer.js';
import type { ExperimentStore } from './ports.js';

const PASS_MS = 500;

type Concluded = Extract<ExperimentStatus, { phase: 'Concluded' }>;

/** Takes one experiment from waiting for its turn to its verdict. */
export class ExperimentReconciler implements Reconciler {
  readonly kind = EXPERIMENT_KIND;

  constructor(
    private readonly experiments: ExperimentStore,
    private readonly scorer: PairScorer,
    private readonly ports: {
      readonly candidates: CandidateStore;
      readonly champions: ChampionHistory;
      readonly lock: ChangeLock;
      readonly routes: RouteStore;
      readonly outcomes: TriggerOutcomes;
      readonly facts: FactBus;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const experiment = await this.experiments.find(key);
    if (experiment === null || experiment.status.phase === 'Concluded') return {};
    const decision = advanceExperiment(experiment, await this.observe(experiment));
    await this.mirror(experiment, decision);
    const saved = await this.save(experiment, decision.status);
    this.tell(saved);
    return saved.status.phase === 'Concluded' ? {} : { requeueAfterMs: PASS_MS };
  }

  private async observe(experiment: Experiment): Promise<ExperimentObservation> {
    const { champions, lock, clock } = this.ports;
    const { model, spec, status } = experiment;
    const championNow = (await champions.current(model))?.champion ?? null;
    const lockHeld = championNow === spec.champion && (await lock.acquire(model, spec.candidate));
    const pairs = status.phase === 'Running' ? await this.scorer.advance(experiment, status.startedAt) : [];
    const outcome = playBets(
      pairs.map(({ difference }) => difference),
      { margin: Math.max(spec.margin, Number.MIN_VALUE), alpha: spec.alpha },
    );
    const newest = pairs.reduce((latest, { at }) => Math.max(latest, at.getTime()), 0);
    return { now: clock.now(), lockHeld, championNow, outcome, newestAt: newest === 0 ? null : new Date(newest) };
  }

  private async mirror({ model, spec }: Experiment, { mirror, status }: ExperimentDecision): Promise<void> {
    const { routes } = this.ports;
    const route = await routes.find(model);
    if (route === null) return;
    // Only what this experiment itself has put there is taken away again.
    if (!mirror && route.mirror !== spec.candidateVersion) return;
    if (!mirror && status.phase === 'Waiting') return;
    await routes.state({
      ...route,
      mirror: mirror ? spec.candidateVersion : null,
      mirrorFraction: mirror ? spec.mirrorFraction : 0,
    });
  }

  private async save(experiment: Experiment, status: ExperimentStatus): Promise<Experiment> {
    if (JSON.stringify(status) === JSON.stringify(experiment.status)) return experiment;
    return this.ports.unitOfWork.run(async () => {
      const saved = await this.experiments.save(withStatus(experiment, status));
      if (status.phase === 'Concluded') await this.conclude(experiment, status);
      return saved;
    });
  }

  private async conclude({ id, model, spec }: Experiment, { verdict, reason }: Concluded): Promise<void> {
    const { candidates, lock, outcomes, facts } = this.ports;
    await facts.publish(ExperimentConcluded, { experiment: id, candidate: spec.candidate, model, verdict, reason });
    if (verdict === 'PASS') return; // the rollout needs the lock next
    await lock.release(model, spec.candidate);
    const { trigger } = (await candidates.require(spec.candidate)).spec;
    if (trigger !== null) await outcomes.resolve(trigger, 'refused', reason);
  }

  private tell({ id, model, status }: Experiment): void {
    if (status.phase === 'Waiting') return;
    pairsCount.set({ model }, status.reading.pairs);
    wealth.set({ model, bet: 'non-inferior' }, status.reading.wealthNonInferior);
    wealth.set({ model, bet: 'harm' }, status.reading.wealthHarm);
    if (status.phase !== 'Concluded') return;
    concludedTotal.inc({ verdict: status.verdict });
    log.info({ experiment: id, verdict: status.verdict, reason: status.reason }, 'experiment concluded');
  }
}
