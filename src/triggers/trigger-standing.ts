import type { Clock } from '../kernel/index.js';
import type { ChangeLock, Model } from '../models/index.js';
import { coolDownEnd, type OpenChange } from './domain/obstacles.js';
import { quietUntil } from './domain/quiet-hours.js';
import { type BudgetState, budgetState } from './domain/trigger-budget.js';
import type { OpenChanges, TriggerLedger, TriggerStore } from './ports.js';

const DAY_MS = 86_400_000;

/** What holds triggers of a model back now, and until when. */
export interface TriggerStanding {
  readonly runnerSeconds: BudgetState;
  readonly gpuSeconds: BudgetState;
  /** null when nothing cools down. */
  readonly coolDownUntil: Date | null;
  /** null when it is not quiet. */
  readonly quietUntil: Date | null;
  /** The trigger that is open, or null. */
  readonly open: string | null;
  /** Who is changing what serves, or null; and which experiments and rollouts have not ended. */
  readonly changedBy: string | null;
  readonly changes: readonly OpenChange[];
  readonly dryRun: boolean;
}

/** Reads the standing afresh, for people. */
export class StandingReader {
  constructor(
    private readonly ports: {
      readonly triggers: TriggerStore;
      readonly ledger: TriggerLedger;
      readonly lock: ChangeLock;
      readonly changes: OpenChanges;
      readonly clock: Clock;
    },
  ) {}

  async read({ id, spec }: Model): Promise<TriggerStanding> {
    const { triggers: store, ledger, lock, changes, clock } = this.ports;
    const now = clock.now();
    const policy = spec.triggers;
    const triggers = await store.list(id);
    const charges = await ledger.charges(id, new Date(now.getTime() - DAY_MS));
    const cooled = coolDownEnd(null, triggers, policy);
    return {
      runnerSeconds: budgetState(charges, 'runnerSeconds', policy.runnerSecondsPerDay, now),
      gpuSeconds: budgetState(charges, 'gpuSeconds', policy.gpuSecondsPerDay, now),
      coolDownUntil: cooled !== null && cooled > now ? cooled : null,
      quietUntil: quietUntil(policy.quietHours, now),
      open: triggers.find(({ status }) => status.phase === 'Open')?.id ?? null,
      changedBy: await lock.holder(id),
      changes: await changes.list(id),
      dryRun: policy.dryRun,
    };
  }
}
