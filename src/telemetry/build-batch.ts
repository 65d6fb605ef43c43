import { type AdmittedEvent, type ModelView, admit, admitServed } from './domain/admit.js';
import type { DeadLetter } from './domain/dead-letter.js';
import type { BadReason, LabelEvent, ServedEvent } from './domain/event.js';
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
  const events: AdmittedEvent[] = [];
  const labels: LabelEvent[] = [];
  const served: ServedEvent[] = [];
  const halves: ReceivedHalf[] = [];
  const dead: DeadLetter[] = [];
  entries.forEach(({ decoded, body, origin, offset: own, model: owner = null }, i) => {
    const offset = own ?? place.from + i;
    const asItCame = origin === undefined ? {} : { format: origin.format, headers: origin.record.headers };
    const refuse = (reason: BadReason, model: string | null): void => {
      const letter = deadLetter(body(), reason, { ...place.source, offset, model, at: now, ...asItCame });
      dead.push(redactLetter(letter, models, redacting));
    };
    if ('bad' in decoded) {
      refuse(decoded.bad, owner);
      return;
    }
    const event = decoded.ok;
    if (event.kind === 'label') {
      if (models.has(event.model)) labels.push(event);
      else refuse({ class: 'unknown-model', detail: 'there is no such model' }, event.model);
      return;
    }
    if (event.kind === 'half' && origin !== undefined) {
      if (models.has(event.model)) halves.push({ half: event, ...origin, record: { ...origin.record, offset } });
      else refuse({ class: 'unknown-model', detail: 'there is no such model' }, event.model);
      return;
    }
    if (event.kind === 'served') {
      const counted = admitServed(event, models.get(event.model) ?? null, now);
      if ('bad' in counted) refuse(counted.bad, event.model);
      else served.push(counted.ok);
      return;
    }
    if (event.kind !== 'inference') {
      refuse({ class: 'schema', detail: `an event of kind ${event.kind} is not taken here` }, event.model);
      return;
    }
    const admitted = admit(event, models.get(event.model) ?? null, now);
    if ('bad' in admitted) refuse(admitted.bad, event.model);
    else events.push(admitted.ok);
  });
  return {
    ...place,
    to: place.to ?? place.from + entries.length,
    events,
    labels,
    served,
    halves,
    dead,
    models,
    at: now,
  };
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
