import type { Clock } from '../kernel/index.js';
import type { Model } from '../models/index.js';
import { standing } from './domain/choose-remedy.js';
import type { RemedyEstimate } from './domain/remedy-estimate.js';
import { LADDER_CAUSES, type LadderCause, ladderFor } from './domain/remedy-ladder.js';
import type { RemedyOutcome } from './domain/remedy-outcome.js';
import type { PlannedRemedy } from './domain/remedy-plan.js';
import { remedySuccessRatio } from './metrics.js';
import type { OutcomeHistory, RemedyPlans } from './ports.js';

/** Older outcomes have decayed to nothing. */
const KEPT_MS = 366 * 86_400_000;
/** Outcomes come by the hour; every model's pass asks for them each second. */
const FRESH_MS = 10_000;

/** The ladder of one cause as it stands: in the order in which its remedies would be tried. */
export interface LadderStanding {
  readonly cause: LadderCause;
  readonly source: 'built-in' | 'document';
  readonly remedies: readonly RemedyEstimate[];
  /** Why the document's ladder cannot be used, or null. */
  readonly fault: string | null;
}

/** What past outcomes teach, read at most every ten seconds for all models together. */
export class RemedyBook {
  private read: { readonly at: number; readonly outcomes: readonly RemedyOutcome[] } | null = null;

  private readonly planned = new Map<string, { readonly at: number; readonly plan: readonly PlannedRemedy[] }>();

  private readonly shown = new Map<string, readonly RemedyOutcome[]>();

  constructor(
    private readonly history: OutcomeHistory,
    private readonly clock: Clock,
    private readonly plans?: Pick<RemedyPlans, 'latest'>,
  ) {}

  /** What the model's latest report expected of every remedy; up to ten seconds old. */
  async plan(model: string): Promise<readonly PlannedRemedy[]> {
    if (this.plans === undefined) return [];
    const now = this.clock.now().getTime();
    const known = this.planned.get(model);
    if (known !== undefined && now - known.at < FRESH_MS && now >= known.at) return known.plan;
    const plan = await this.plans.latest(model);
    this.planned.set(model, { at: now, plan });
    return plan;
  }

  /** Of all models; up to ten seconds old. */
  async outcomes(): Promise<readonly RemedyOutcome[]> {
    const now = this.clock.now().getTime();
    if (this.read === null || now - this.read.at >= FRESH_MS || now < this.read.at)
      this.read = { at: now, outcomes: await this.history.list(new Date(now - KEPT_MS)) };
    return this.read.outcomes;
  }

  /** Shows the success that is expected of each remedy in the metrics, when outcomes were read since the last time. */
  async show(model: Pick<Model, 'id' | 'spec'>): Promise<void> {
    const outcomes = await this.outcomes();
    if (this.shown.get(model.id) === outcomes) return;
    this.shown.set(model.id, outcomes);
    for (const { cause, remedies } of await this.standings(model))
      for (const { remedy, success } of remedies) remedySuccessRatio.set({ model: model.id, cause, remedy }, success);
  }

  /** Every cause's ladder for a model. */
  async standings(model: Pick<Model, 'id' | 'spec'>): Promise<LadderStanding[]> {
    const outcomes = await this.outcomes();
    const { triggers: policy } = model.spec;
    const plan = await this.plan(model.id);
    const input = { model: model.id, policy, outcomes, plan, now: this.clock.now() };
    return LADDER_CAUSES.map((cause) => {
      const reading = ladderFor(cause, policy);
      if (reading.kind === 'fault') return { cause, source: 'document', remedies: [], fault: reading.reason };
      const remedies = standing(cause, input, reading.ladder);
      return { cause, source: reading.ladder.source, remedies, fault: null };
    });
  }
}
