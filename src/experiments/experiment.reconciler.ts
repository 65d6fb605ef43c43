import type { Clock, ReconcileResult, Reconciler } from '../kernel/index.js';
import type { ChampionHistory, ChangeLock } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { Route } from '../serving/index.js';
import { advanceExperiment, type ExperimentObservation, invalidity } from './domain/advance-experiment.js';
import type { EnteredPair } from './domain/enter-pairs.js';
import type { Experiment, ExperimentReading, ExperimentStatus, PairSource } from './domain/experiment.js';
import type { ExperimentEndings } from './experiment-endings.js';
import { EXPERIMENT_KIND } from './experiment-intake.js';
import type { ExperimentTraffic } from './experiment-traffic.js';
import type { LiveEntry } from './live-entry.js';
import { experimentsConcluded, pairsEntered, showReading } from './metrics.js';
import type { ShadowEntry } from './shadow-entry.js';
import type { ExperimentStore } from './ports.js';

/** A reading is saved at most this often; what it rests on is saved by the pass that counted it. */
const SAVE_EVERY_MS = 1_000;

interface Situation extends Pick<ExperimentObservation, 'championNow' | 'stableNow' | 'locked'> {
  readonly route: Route | null;
  readonly source: PairSource;
}

interface Seen {
  readonly reading: ExperimentReading | null;
  readonly entered: readonly EnteredPair[];
  readonly fault: string | null;
}

const NOTHING_SEEN: Seen = { reading: null, entered: [], fault: null };

/** Waits for its turn, sends requests to the candidate in the mode of the plan, and ends when something is proven or the plan is over. */
export class ExperimentReconciler implements Reconciler {
  readonly kind = EXPERIMENT_KIND;

  constructor(
    private readonly experiments: ExperimentStore,
    private readonly seen: {
      readonly champions: ChampionHistory;
      readonly lock: ChangeLock;
      readonly traffic: ExperimentTraffic;
    },
    private readonly entries: { readonly shadow: ShadowEntry; readonly live: LiveEntry },
    private readonly endings: ExperimentEndings,
    private readonly clock: Clock,
    private readonly passMs: number,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const experiment = await this.experiments.find(key);
    if (experiment === null || experiment.status.phase === 'Concluded') return {};
    const situation = await this.observe(experiment);
    const { reading, entered, fault } = await this.enter(experiment, situation);
    const requests = await this.seen.traffic.recentRequests(experiment.model, experiment.status);
    const now = this.clock.now();
    const next = advanceExperiment(experiment, { ...situation, reading, requests, now });
    await this.save(experiment, next);
    for (const { truth } of entered) pairsEntered.inc({ model: experiment.model, truth });
    if (fault !== null) log.warn({ experiment: key, reason: fault }, 'a version could not be asked');
    return next.phase === 'Concluded' ? {} : { requeueAfterMs: this.passMs };
  }

  /**
   * The route first: what is stated later is refused when the route has changed since, and with it the champion or the lock.
   * Asks for the lock only when the champion that the plan is about serves.
   */
  private async observe(experiment: Experiment): Promise<Situation> {
    const { model, spec } = experiment;
    const route = await this.seen.traffic.find(model);
    const stableNow = route?.stable ?? null;
    const championNow = (await this.seen.champions.current(model))?.champion ?? null;
    const sound = invalidity(experiment, championNow) === null && stableNow === championNow;
    const locked = sound && (await this.seen.lock.acquire(model, spec.candidate));
    return { route, championNow, stableNow, locked, source: await this.seen.traffic.source(experiment) };
  }

  private async enter(experiment: Experiment, { route, championNow, locked, source }: Situation): Promise<Seen> {
    const { status, spec } = experiment;
    if (status.phase !== 'Running' || invalidity(experiment, championNow) !== null) return NOTHING_SEEN;
    if (locked && route !== null) await this.seen.traffic.state(experiment, route, source);
    if (spec.mode === 'shadow') return this.entries.shadow.enter(experiment, status.startedAt, source);
    return { ...NOTHING_SEEN, reading: await this.entries.live.enter(experiment, status.startedAt) };
  }

  private async save(experiment: Experiment, next: ExperimentStatus): Promise<void> {
    const { id, model, spec, status } = experiment;
    if (next.phase === 'Concluded') {
      await this.endings.conclude(experiment, next);
      experimentsConcluded.inc({ model, verdict: next.verdict });
    } else if (next.phase !== status.phase || this.worthSaving(experiment, next)) {
      await this.experiments.save({ ...experiment, status: next });
    }
    if (next.phase !== 'Waiting') showReading(model, spec, next.reading);
    if (next.phase === status.phase) return;
    const verdict = next.phase === 'Concluded' ? { verdict: next.verdict, reason: next.reason } : {};
    log.info({ experiment: id, model, phase: next.phase, ...verdict }, 'experiment advanced');
  }

  private worthSaving({ status, updatedAt }: Experiment, next: ExperimentStatus): boolean {
    if (next.phase === 'Waiting') return status.phase === 'Waiting' && next.reason !== status.reason;
    if (next.phase !== 'Running' || status.phase !== 'Running') return false;
    const due = this.clock.now().getTime() - updatedAt.getTime() >= SAVE_EVERY_MS;
    const changed =
      next.source !== status.source ||
      next.reason !== (status.reason ?? null) ||
      JSON.stringify(next.reading) !== JSON.stringify(status.reading);
    return due && changed;
  }
}
