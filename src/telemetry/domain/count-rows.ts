import type { AdmittedEvent } from './admit.js';
import { admittedRow, refuseRow } from './admit-row.js';
import { isKept } from './answer-share.js';
import type { BadReason } from './event.js';
import type { EventRow } from './event-row.js';
import type { ModelShape } from './model-shape.js';
import { stableHash } from './stable-hash.js';
import { Tally } from './tally.js';

/** What a chunk is counted by. */
export interface CountingRules {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long windows are kept: older events cannot be counted any more. */
  readonly windowSeconds: number;
  /** Level of the share of answers that is kept one by one, as far as this process knows. */
  levelOf(model: string): number;
  /** Keep every answer and count nothing here: duplicates are to be told apart first. */
  readonly keepAll: boolean;
}

/** Counts rows of one chunk and keeps those that are to be stored one by one. */
export class RowCounter {
  readonly tally = new Tally();
  readonly kept: AdmittedEvent[] = [];
  late = 0;
  future = 0;

  constructor(private readonly rules: CountingRules) {}

  /** Counts a row of a known model; returns why not, if not. */
  count(row: EventRow, shape: ModelShape): BadReason | null {
    const { now, windowSeconds, keepAll } = this.rules;
    const { keepSeconds, maxLatenessSeconds, name } = shape.view;
    const reason = refuseRow(row, shape, now - (keepAll ? keepSeconds : windowSeconds) * 1000);
    if (reason !== null) return reason;
    const age = now - row.at;
    if (age < 0) row.at = now;
    const late = age > maxLatenessSeconds * 1000;
    if (late) this.late += 1;
    if (age < 0) this.future += 1;
    if (!keepAll) this.tally.of(shape).add(row);
    if (age <= keepSeconds * 1000 && this.isKept(row.requestId, name)) {
      this.kept.push(admittedRow(row, shape, late, age < 0));
    }
    return null;
  }

  /** Counts an event that was read as an object and admitted already. */
  add(admitted: AdmittedEvent, shape: ModelShape): void {
    if (admitted.late) this.late += 1;
    if (admitted.future) this.future += 1;
    if (!this.rules.keepAll) this.tally.add(admitted, shape);
    if (this.isKept(admitted.event.requestId, shape.view.name)) this.kept.push(admitted);
  }

  private isKept(requestId: string, model: string): boolean {
    if (this.rules.keepAll) return true;
    const level = this.rules.levelOf(model);
    return level === 0 || isKept(stableHash(requestId), level);
  }
}
