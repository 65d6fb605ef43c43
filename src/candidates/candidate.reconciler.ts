import {
  type Clock,
  type FactBus,
  RatchetError,
  type ReconcileResult,
  type Reconciler,
  type UnitOfWork,
  withStatus,
} from '../kernel/index.js';
import type { Model, ModelStore } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { SampleStore } from '../telemetry/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { CANDIDATE_KIND } from './candidate-intake.js';
import { achievementOf } from './domain/achievement.js';
import { advanceCandidate, type CandidateObservation } from './domain/advance-candidate.js';
import { type Candidate, CandidateAccepted, CandidateRefused, type CandidateStatus } from './domain/candidate.js';
import { EvaluationUnavailable } from './domain/errors.js';
import { MINIMUM_ROWS } from './domain/judge.js';
import { candidatesJudgedTotal, evaluationSeconds, evaluationsTotal } from './metrics.js';
import type { CandidateStore, Evaluator } from './ports.js';
import type { CandidatesSettings } from './settings.js';

const RETRY_MS = 2000;

type Evaluating = Extract<CandidateStatus, { phase: 'Evaluating' }>;

/** Takes one candidate from its creation to its judgement. */
export class CandidateReconciler implements Reconciler {
  readonly kind = CANDIDATE_KIND;

  constructor(
    private readonly candidates: CandidateStore,
    private readonly evaluator: Evaluator,
    private readonly ports: {
      readonly models: ModelStore;
      readonly samples: SampleStore;
      readonly outcomes: TriggerOutcomes;
      readonly facts: FactBus;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
    private readonly settings: Pick<CandidatesSettings, 'maxTries' | 'sampleWaitSeconds'>,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const candidate = await this.candidates.find(key);
    if (candidate === null || candidate.status.phase === 'Accepted' || candidate.status.phase === 'Refused') return {};
    const model = await this.ports.models.require(candidate.model);
    // Begun anew: what a pass before this one began is gone with its process.
    const observation: CandidateObservation =
      candidate.status.phase === 'Pending' ? await this.findHoldout(candidate, model) : { kind: 'interrupted' };
    const begun = await this.apply(candidate, observation, model);
    if (begun.status.phase !== 'Evaluating')
      return begun.status.phase === 'Pending' ? { requeueAfterMs: RETRY_MS } : {};
    const ended = await this.apply(begun, await this.evaluate(begun, begun.status, model), model);
    return ended.status.phase === 'Evaluating' ? { requeueAfterMs: RETRY_MS } : {};
  }

  private async findHoldout(candidate: Candidate, model: Model): Promise<CandidateObservation> {
    if (candidate.spec.holdout !== null) return { kind: 'holdout', digest: candidate.spec.holdout };
    const { samples, clock } = this.ports;
    const since = new Date(clock.now().getTime() - model.spec.telemetry.sampleSeconds * 1000);
    try {
      // Nothing is frozen before there are enough rows: this is asked again and again while they come.
      const { holdout } = await samples.snapshot(candidate.model, { since, replay: 0, minimumHoldout: MINIMUM_ROWS });
      return { kind: 'holdout', digest: holdout.digest };
    } catch (error) {
      // More traffic brings more: a candidate is not to be refused, nor its remedy used up, for want of patience.
      if (!(error instanceof RatchetError) || error.code !== 'unprocessable') throw error;
      return { kind: 'no-holdout', reason: error.message };
    }
  }

  private async evaluate(candidate: Candidate, { holdout }: Evaluating, model: Model): Promise<CandidateObservation> {
    const { digest, reference, champion } = candidate.spec;
    const timer = evaluationSeconds.startTimer();
    try {
      const versions = { candidate: digest, reference, champion };
      const outcome = await this.evaluator.evaluate({ candidate: candidate.id, model: model.spec, versions, holdout });
      evaluationsTotal.inc({ outcome: outcome.kind });
      return { kind: 'evaluated', outcome };
    } catch (error) {
      if (!(error instanceof EvaluationUnavailable)) throw error;
      evaluationsTotal.inc({ outcome: 'unavailable' });
      log.warn({ candidate: candidate.id, reason: error.message }, 'evaluation unavailable');
      return { kind: 'unavailable', reason: error.message };
    } finally {
      timer();
    }
  }

  /** Saves what follows from an observation, with all that follows from that. */
  private async apply(candidate: Candidate, observation: CandidateObservation, model: Model): Promise<Candidate> {
    const status = advanceCandidate(
      candidate,
      observation,
      model.spec.objectives,
      this.settings,
      this.ports.clock.now(),
    );
    if (status === candidate.status) return candidate;
    const saved = await this.ports.unitOfWork.run('candidates.apply', () => this.save(candidate, status));
    if (status.phase === 'Accepted' || status.phase === 'Refused') {
      candidatesJudgedTotal.inc({ verdict: status.phase.toLowerCase(), cause: candidate.spec.cause });
      const reasons = status.phase === 'Refused' ? status.reasons : [];
      log.info({ candidate: candidate.id, phase: status.phase, reasons }, 'candidate judged');
    }
    return saved;
  }

  private async save(candidate: Candidate, status: CandidateStatus): Promise<Candidate> {
    const { facts, outcomes } = this.ports;
    const { id, model, spec } = candidate;
    const siblings =
      status.phase === 'Refused' && spec.trigger !== null
        ? await this.candidates.ofTriggerExclusively(spec.trigger)
        : [];
    const saved = await this.candidates.save(withStatus(candidate, status));
    if (status.phase === 'Accepted') await facts.publish(CandidateAccepted, { candidate: id, model });
    if (status.phase === 'Refused') {
      await facts.publish(CandidateRefused, { candidate: id, model, reasons: status.reasons });
      const last = siblings.every((other) => other.id === id || other.status.phase === 'Refused');
      if (spec.trigger !== null && last)
        await outcomes.resolve(spec.trigger, 'refused', status.reasons.join('; '), achievementOf(saved, 'candidates'));
    }
    return saved;
  }
}
