import { RatchetError } from '../../kernel/index.js';

/** Thrown when a candidate that wants to be promoted was never accepted, so that there is no evidence to promote it on. */
export class NoEvidence extends RatchetError {
  readonly code = 'unprocessable';
  constructor(candidate: string) {
    super(`The candidate "${candidate}" has no accepted evaluation, so it cannot be promoted.`, { candidate });
  }
}

/** Thrown when a promotion cannot be taken back, because what it made champion does not serve any more. */
export class NoLongerServes extends RatchetError {
  readonly code = 'conflict';
  constructor(promotion: string, version: string) {
    super(`Cannot roll back promotion "${promotion}": ${version} is not what serves, or never did.`, {
      promotion,
      version,
    });
  }
}

/** Thrown when a promotion would charge the quality budget with more than is left, and nobody has overridden it on record. */
export class BudgetOverdrawn extends RatchetError {
  readonly code = 'unprocessable';
  constructor(
    promotion: string,
    figures: { readonly charge: number; readonly maxLoss: number; readonly spent: number },
  ) {
    const points = (fraction: number): string => (100 * fraction).toFixed(2);
    const left = Math.max(0, figures.maxLoss - figures.spent);
    super(
      `The promotion "${promotion}" costs ${points(figures.charge)} points against the reference, and the quality budget allows ${points(figures.maxLoss)}, of which ${points(left)} are left. Approve it with "overrideBudget": true to put that on record, or reject it.`,
      { promotion, ...figures, left },
    );
  }
}
