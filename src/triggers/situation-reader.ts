import type { ChampionPeriod, ChangeLock, Model } from '../models/index.js';
import type { Finding, FindingStore, RescoreLedger } from '../monitors/index.js';
import type { SampleStore } from '../telemetry/index.js';
import { type Attribution, attribute, leadingAlarm, type Situation } from './domain/attribution.js';
import { nextRemedy } from './domain/remedy-ladder.js';
import { freshSince, type PolicyInput } from './domain/trigger-policy.js';
import type { Trigger } from './domain/trigger.js';
import type { TriggerLedger, TriggerStore } from './ports.js';

const DAY_MS = 86_400_000;
const EVER = new Date(0);

/** Reads afresh everything that a decision rests on. */
export class SituationReader {
  constructor(
    private readonly ports: {
      readonly findings: FindingStore;
      readonly rescores: RescoreLedger;
      readonly samples: SampleStore;
      readonly lock: ChangeLock;
      readonly triggers: TriggerStore;
      readonly ledger: TriggerLedger;
    },
  ) {}

  async read(
    model: Model,
    period: ChampionPeriod,
    now: Date,
  ): Promise<{ readonly attribution: Attribution; readonly input: PolicyInput }> {
    const { findings: store, lock, triggers: triggerStore, ledger, samples } = this.ports;
    // A version that serves again does not inherit what was found about it in an earlier period.
    const findings = (await store.list(model.id, period.champion)).filter(
      ({ observedAt }) => observedAt >= period.from,
    );
    const triggers = await triggerStore.list(model.id);
    const situation = await this.situation(model, period, findings, triggers, now);
    const attribution = attribute(findings, situation);
    const fresh = await samples.count(model.id, freshSince(attribution.cause, findings) ?? EVER);
    const input: PolicyInput = {
      policy: model.spec.triggers,
      champion: period.champion,
      reference: period.reference,
      findings,
      triggers,
      lockHolder: await lock.holder(model.id),
      spentSeconds: await ledger.spent(model.id, new Date(now.getTime() - DAY_MS)),
      fresh,
      now,
    };
    return { attribution, input };
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
      championIsReference: champion === reference,
      samples: (await this.ports.samples.count(model.id, EVER)).rows,
      minimumSamples: model.spec.triggers.minimumSamples,
      labelPatienceSeconds: model.spec.telemetry.labelWaitSeconds,
      sinceChange: compared ? await this.ports.rescores.tally(watch, changeAt) : null,
      compressionExhausted: nextRemedy('no-compressed-champion', champion, triggers) === null,
    };
  }
}
