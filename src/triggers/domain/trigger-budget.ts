const DAY_MS = 86_400_000;

/** Runner and GPU time that one trigger has used, all its attempts together. */
export interface TriggerCharge {
  readonly trigger: string;
  readonly runnerSeconds: number;
  /** Seconds times GPUs; 0 for a runner without any. */
  readonly gpuSeconds: number;
  /** When it was charged last. */
  readonly at: Date;
}

/** One of a model's two budgets over the last 24 hours. */
export interface BudgetState {
  readonly spentSeconds: number;
  readonly budgetSeconds: number;
  readonly leftSeconds: number;
  /** When something is left again; null while something is, and for a budget of nothing. */
  readonly renewsAt: Date | null;
}

/** What is spent and left of a budget; charges older than a day do not count. */
export function budgetState(
  charges: readonly TriggerCharge[],
  kind: 'runnerSeconds' | 'gpuSeconds',
  budgetSeconds: number,
  now: Date,
): BudgetState {
  const counted = charges
    .filter(({ at }) => at.getTime() > now.getTime() - DAY_MS)
    .sort((a, b) => a.at.getTime() - b.at.getTime());
  const spentSeconds = counted.reduce((sum, charge) => sum + charge[kind], 0);
  let rest = spentSeconds;
  let renewsAt: Date | null = null;
  for (const charge of counted) {
    if (rest < budgetSeconds || budgetSeconds === 0) break;
    rest -= charge[kind];
    renewsAt = new Date(charge.at.getTime() + DAY_MS);
  }
  return { spentSeconds, budgetSeconds, leftSeconds: Math.max(0, budgetSeconds - spentSeconds), renewsAt };
}
