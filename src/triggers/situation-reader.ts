import type { ChampionPeriod, ChangeLock, Model } from '../models/index.js';
import type { EvidenceRequests, Finding, FindingStore, RescoreLedger } from '../monitors/index.js';
import type { SampleStore } from '../telemetry/index.js';
import { type Attribution, attribute, leadingAlarm, type Situation } from './domain/attribution.js';
import { type EvidencePlan, MOST_WISHES, planEvidence } from './domain/evidence-plan.js';
import { isExhausted } from './domain/remedy-ladder.js';
import { freshSince, type PolicyInput } from './domain/trigger-policy.js';
import type { Trigger } from './domain/trigger.js';
import type { OpenChanges, TriggerLedger, TriggerStore } from './ports.js';
import type { RemedyBook } from './remedy-book.js';

const DAY_MS = 86_400_000;
const EVER = new Date(0);
/** Decisions that are looked through for evidence that was asked for; each that asks is a decision of its own. */
const RECENT_DECISIONS = 20 * MOST_WISHES;

/** Everything that one decision rests on. */
export interface Reading {
  readonly attribution: Attribution;
  readonly input: PolicyInput;
  readonly evidence: EvidencePlan;
}

/** Reads afresh everything that a decision rests on. */
export class SituationReader {
  constructor(
    private readonly ports: {
      readonly findings: FindingStore;
      readonly rescores: RescoreLedger;
      readonly evidence: EvidenceRequests;
      readonly samples: SampleStore;
      readonly lock: ChangeLock;
      readonly changes: OpenChanges;
      readonly triggers: TriggerStore;
      readonly ledger: TriggerLedger;
      readonly book: RemedyBook;
    },
  ) {}

  async read(model: Model, period: ChampionPeriod, now: Date): Promise<Reading> {
    const { findings: store, lock, changes, triggers: triggerStore, ledger, samples, book } = this.ports;
    // A version that serves again does not inherit what was found about it in an earlier period.
    const findings = (await store.list(model.id, period.champion)).filter(
      ({ observedAt }) => observedAt >= period.from,
    );
    const triggers = await triggerStore.list(model.id);
    const situation = await this.situation(model, period, findings, triggers, now);
    const attribution = attribute(findings, situation);
    const fresh = await samples.count(model.id, freshSince(attribution.cause, findings) ?? EVER);
    const input: PolicyInput = {
      model: model.id,
      policy: model.spec.triggers,
      champion: period.champion,
      reference: period.reference,
      findings,
      triggers,
      outcomes: await book.outcomes(),
      plan: await book.plan(model.id),
      lockHolder: await lock.holder(model.id),
      changes: await changes.list(model.id),
      charges: await ledger.charges(model.id, new Date(now.getTime() - DAY_MS)),
      fresh,
      now,
    };
    return { attribution, input, evidence: await this.plan(model, attribution, findings, now) };
  }

  private async plan(
    model: Model,
    attribution: Attribution,
    findings: readonly Finding[],
    now: Date,
  ): Promise<EvidencePlan> {
    if (attribution.asks === null) return { wish: null, reason: null };
    return planEvidence(attribution, {
      findings,
      current: await this.ports.evidence.current(model.id),
      decisions: await this.ports.triggers.decisions(model.id, RECENT_DECISIONS),
      rescoreBatch: model.spec.monitors.rescoreBatch,
      labelWaitSeconds: model.spec.telemetry.labelWaitSeconds,
      now,
    });
  }

  private async situation(
    model: Model,
    period: ChampionPeriod,
    findings: readonly Finding[],
    triggers: readonly Trigger[],
    now: Date,
  ): Promise<Situation> {
    const { champion, reference, from } = period;
    const changeAt = leadingAlarm(findings)?.changeAt ?? null;
    const watch = { model: model.id, version: champion, reference, since: from };
    const compared = champion !== reference && changeAt !== null;
    return {
      now,
      task: model.spec.task.kind === 'classification' ? 'classification' : 'other',
      championIsReference: champion === reference,
      samples: (await this.ports.samples.count(model.id, EVER)).rows,
      minimumSamples: model.spec.triggers.minimumSamples,
      labelPatienceSeconds: model.spec.telemetry.labelWaitSeconds,
      sinceChange: compared ? await this.ports.rescores.tally(watch, changeAt) : null,
      compressionExhausted: isExhausted('no-compressed-champion', champion, triggers, model.spec.triggers),
    };
  }
}
