import type { Actor, AuditLog, Clock, UnitOfWork } from '../kernel/index.js';
import { notReplayable, type StoredDeadLetter } from './domain/dead-letter.js';
import { LABEL_SCHEMA } from './domain/event.js';
import { NotReplayable } from './domain/errors.js';
import { replayedTotal } from './metrics.js';
import type { DeadLetterStore, LogIntake, LogRecord } from './ports.js';

/** Where replayed letters come in; a letter that is refused again is a new one of this topic. */
const SOURCE = { topic: 'replay', partition: 0 } as const;
/** Of labels only the label was kept, and not the event it came in. */
const LABEL_TOPIC = 'labels';

export interface ReplayReport {
  /** Letters that were fed in now. */
  readonly replayed: number;
  /** Those of them that were refused again, as new letters. */
  readonly refused: number;
  /** Letters that could not be fed in, with the reason. */
  readonly skipped: readonly { readonly id: number; readonly reason: string }[];
}

/** Feeds dead letters in again, by the way that logs take: read anew, checked anew, counted once. */
export class DeadLetterReplay {
  constructor(
    private readonly letters: DeadLetterStore,
    private readonly log: LogIntake,
    private readonly work: UnitOfWork,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** @throws NotReplayable when it was replayed before or not all of it was kept */
  async one(letter: StoredDeadLetter, actor: Actor, reason: string): Promise<ReplayReport> {
    const fault = notReplayable(letter);
    if (fault !== null) throw new NotReplayable(letter.id, fault);
    return this.all([letter], actor, reason);
  }

  /**
   * Marks and feeds in, in one transaction: a letter is marked exactly when what it says is counted, so two people who
   * replay the same one at the same time feed it in once.
   */
  async all(letters: readonly StoredDeadLetter[], actor: Actor, reason: string): Promise<ReplayReport> {
    const skipped = letters.flatMap((letter) => {
      const fault = notReplayable(letter);
      return fault === null ? [] : [{ id: letter.id, reason: fault }];
    });
    const ids = letters.map(({ id }) => id).filter((id) => !skipped.some((one) => one.id === id));
    const { replayed, refused } = await this.work.run('telemetry.replay', () => this.feed(ids, actor, reason));
    const late = ids.filter((id) => !replayed.includes(id)).map((id) => ({ id, reason: 'it was replayed meanwhile' }));
    replayedTotal.inc(replayed.length);
    return { replayed: replayed.length, refused, skipped: [...skipped, ...late] };
  }

  private async feed(
    ids: readonly number[],
    actor: Actor,
    reason: string,
  ): Promise<{ readonly replayed: readonly number[]; readonly refused: number }> {
    const taken = await this.letters.takeForReplay(ids, actor.name, this.clock.now());
    if (taken.length === 0) return { replayed: [], refused: 0 };
    const { epoch, next } = await this.log.claim(SOURCE);
    let refused = 0;
    let from = next;
    for (const format of ['native', 'cloudevents', 'seldon'] as const) {
      const mine = taken.filter((letter) => letter.format === format);
      for (const topic of new Set(mine.map((letter) => letter.topic))) {
        const some = mine.filter((letter) => letter.topic === topic);
        const records = some.map((letter, i) => recordOf(letter, from + i));
        const to = from + records.length;
        // Seldon's model is in the topic's name, so it has to come in under it.
        const report = await this.log.write({ source: SOURCE, epoch, from, to, format, records, readAs: topic });
        refused += Object.values(report.dead).reduce((sum, count) => sum + count, 0);
        from = to;
      }
    }
    await this.audit.append({
      actor: actor.name,
      role: actor.role,
      action: 'telemetry.replay',
      subject: `dead-letters/${taken.length === 1 ? taken[0]?.id : `${taken.length} of them`}`,
      reason,
      detail: { ids: taken.map(({ id }) => id), refused },
    });
    return { replayed: taken.map(({ id }) => id), refused };
  }
}

function recordOf({ topic, head, headers, at }: StoredDeadLetter, offset: number): LogRecord {
  const value = topic === LABEL_TOPIC ? asLabelEvent(head) : head;
  return { offset, key: null, value, headers, timestamp: at.getTime() };
}

function asLabelEvent(body: Uint8Array): Uint8Array {
  try {
    const label = JSON.parse(new TextDecoder().decode(body)) as object;
    return new TextEncoder().encode(JSON.stringify({ schema: LABEL_SCHEMA, ...label }));
  } catch {
    return body;
  }
}
