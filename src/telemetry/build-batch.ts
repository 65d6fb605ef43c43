import { type AdmittedEvent, type ModelView, admit, admitServed } from './domain/admit.js';
import type { DeadLetter } from './domain/dead-letter.js';
import type { BadReason, Decoded, LabelEvent, ServedEvent } from './domain/event.js';
import { redactLetter } from './domain/redact.js';
import { type Allowance, chooseSamples, refill } from './domain/sample-policy.js';
import { deadLetter, type IntakeEntry } from './intake-entry.js';
import type { IntakeBatch, IntakeSource, ReceivedHalf } from './ports.js';

/** Where a batch stands in its source. */
export interface BatchPlace {
  readonly source: IntakeSource;
  readonly epoch: number;
  readonly from: number;
  /** Offset after the last entry; the entries are consecutive when it is not given. */
  readonly to?: number;
}

/** Names of the models that these entries are about. */
export function modelsOf(entries: readonly IntakeEntry[]): ReadonlySet<string> {
  return new Set(entries.flatMap(({ decoded }) => ('ok' in decoded ? [decoded.ok.model] : [])));
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Sorts entries into what counts, what labels and what is refused; offsets follow from their order.
 *
 * @param redacting names of the models whose dead letters must not hold what was sent
 */
export function buildBatch(
  entries: readonly IntakeEntry[],
  place: BatchPlace,
  models: ReadonlyMap<string, ModelView>,
  now: Date,
  redacting: ReadonlySet<string> = NONE,
): Omit<IntakeBatch, 'samples' | 'chances'> {
  const sorted = new SortedEntries(models, now);
  entries.forEach((entry, i) => {
    const offset = entry.offset ?? place.from + i;
    const reason = sorted.take(entry, offset);
    if (reason === null) return;
    const { body, origin, decoded } = entry;
    const asItCame = origin === undefined ? {} : { format: origin.format, headers: origin.record.headers };
    const model = 'ok' in decoded ? decoded.ok.model : (entry.model ?? null);
    const letter = deadLetter(body(), reason, { ...place.source, offset, model, at: now, ...asItCame });
    sorted.dead.push(redactLetter(letter, models, redacting));
  });
  const { events, labels, served, halves, dead } = sorted;
  const to = place.to ?? place.from + entries.length;
  return { ...place, to, events, labels, served, halves, dead, models, at: now };
}

class SortedEntries {
  readonly events: AdmittedEvent[] = [];
  readonly labels: LabelEvent[] = [];
  readonly served: ServedEvent[] = [];
  readonly halves: ReceivedHalf[] = [];
  readonly dead: DeadLetter[] = [];

  constructor(
    private readonly models: ReadonlyMap<string, ModelView>,
    private readonly now: Date,
  ) {}

  /** Puts an entry in its place; returns why it is refused, if it is. */
  take({ decoded, origin }: IntakeEntry, offset: number): BadReason | null {
    if ('bad' in decoded) return decoded.bad;
    const event = decoded.ok;
    const view = this.models.get(event.model) ?? null;
    if (view === null) return { class: 'unknown-model', detail: 'there is no such model' };
    if (event.kind === 'label') this.labels.push(event);
    else if (event.kind === 'inference') return this.add(admit(event, view, this.now), this.events);
    else if (event.kind === 'served') return this.add(admitServed(event, view, this.now), this.served);
    else if (origin === undefined) return { class: 'schema', detail: 'an event of kind half is not taken here' };
    else this.halves.push({ half: event, ...origin, record: { ...origin.record, offset } });
    return null;
  }

  private add<T>(admitted: Decoded<T>, list: T[]): BadReason | null {
    if ('bad' in admitted) return admitted.bad;
    list.push(admitted.ok);
    return null;
  }
}

/** Takes raw inputs out of each model's allowance, which bounds how much a burst of traffic can write. */
export class SampleGate {
  private readonly allowances = new Map<string, Allowance>();

  constructor(private readonly perSecond: number) {}

  choose(
    events: readonly AdmittedEvent[],
    models: ReadonlyMap<string, ModelView>,
    now: Date,
  ): Pick<IntakeBatch, 'samples' | 'chances'> {
    const samples: AdmittedEvent[] = [];
    const chances = new Map<string, number>();
    const byModel = new Map<string, AdmittedEvent[]>();
    for (const admitted of events) {
      const mine = byModel.get(admitted.event.model);
      if (mine === undefined) byModel.set(admitted.event.model, [admitted]);
      else mine.push(admitted);
    }
    for (const [model, { sampling }] of models) {
      if (!sampling) continue;
      const allowance = refill(this.allowances.get(model) ?? null, this.perSecond, now.getTime());
      const mine = byModel.get(model) ?? [];
      const { chosen, chance } = chooseSamples(mine, allowance.tokens);
      this.allowances.set(model, { ...allowance, tokens: allowance.tokens - chosen.length });
      samples.push(...chosen);
      chances.set(model, chance);
    }
    return { samples, chances };
  }
}
