import type { Digest } from '../kernel/index.js';
import { QualityAllowance } from '../experiments/index.js';
import type { ChampionHistory, ModelStore } from '../models/index.js';
import { remainingBudget } from './domain/quality-ledger.js';
import { budgetRemainingRatio } from './metrics.js';
import type { QualityLedger } from './ports.js';

/** Reads the accounts: what the present champion has cost is spent, the rest is left. */
export class LedgerAllowance extends QualityAllowance {
  constructor(
    private readonly ledger: QualityLedger,
    private readonly models: ModelStore,
    private readonly champions: ChampionHistory,
  ) {
    super();
  }

  override async remaining(model: string, reference: Digest): Promise<number> {
    const { spec } = await this.models.require(model);
    const current = await this.champions.current(model);
    const charges = await this.ledger.list(model, reference);
    const spent = charges.find((charge) => charge.champion === current?.champion)?.loss ?? null;
    const left = remainingBudget(spec.objectives.qualityBudget.maxLoss, spent);
    if (current?.reference === reference) budgetRemainingRatio.set({ model }, left);
    return left;
  }
}
