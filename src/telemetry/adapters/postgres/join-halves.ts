import type { Digest } from '../../../kernel/index.js';
import type { ChampionHistory } from '../../../models/index.js';
import type { Database } from '../../../platform/postgres/index.js';
import { SampleGate } from '../../build-batch.js';
import { type AdmittedEvent, admit, type ModelView } from '../../domain/admit.js';
import type { DeadLetter } from '../../domain/dead-letter.js';
import type { BadReason } from '../../domain/event.js';
import { halfKey, type KnownHalf, pairHalves } from '../../domain/half-pairs.js';
import { joinHalves, type VersionAt } from '../../domain/join-halves.js';
import { redactedHalf } from '../../half-redaction.js';
import { redactionOf, redactLetter, redacts } from '../../domain/redact.js';
import { deadLetter } from '../../intake-entry.js';
import type { ForeignDecoder, HalfReport, IntakeBatch } from '../../ports.js';
import type { TelemetrySettings } from '../../settings.js';
import {
  findHalves,
  type HalfRow,
  keepWaiting,
  markJoined,
  type PlacedHalf,
  takeExcess,
  takeExpired,
} from './half-rows.js';

/** What the halves of a batch come to. */
export interface HalfWork {
  readonly events: readonly AdmittedEvent[];
  readonly picked: Pick<IntakeBatch, 'samples' | 'chances'>;
  readonly dead: readonly DeadLetter[];
  readonly report: HalfReport;
}

const NOTHING: HalfWork = {
  events: [],
  picked: { samples: [] },
  dead: [],
  report: { joined: 0, waiting: 0, repeated: 0 },
};
/** Halves of a model that one pass gives up at most. */
const CHUNK = 1000;

/** The version that gets a model's canary traffic now; null when there is none. */
export type CandidateOf = (model: string) => Promise<Digest | null>;

type Batch = Pick<IntakeBatch, 'halves' | 'expireHalves' | 'models' | 'source' | 'at'>;

/** Joins halves in the transaction of their batch; the caller holds the locks of the batch's models. */
export class HalfJoin {
  private readonly gate: SampleGate;

  constructor(
    private readonly db: Database,
    private readonly decoder: ForeignDecoder,
    private readonly champions: ChampionHistory,
    private readonly candidateOf: CandidateOf,
    private readonly settings: Pick<TelemetrySettings, 'samplesPerSecond' | 'halfWaitSeconds' | 'halfBytes'>,
  ) {
    this.gate = new SampleGate(settings.samplesPerSecond);
  }

  async join(batch: Batch): Promise<HalfWork> {
    if (batch.halves.length === 0 && batch.expireHalves !== true) return NOTHING;
    const incoming = batch.halves.map((one): PlacedHalf => ({
      ...one,
      topic: one.readAs ?? batch.source.topic,
      partition: batch.source.partition,
    }));
    const known = this.read(await findHalves(this.db, incoming));
    const { joined, waiting, repeated } = pairHalves(incoming, known);
    const work = new Work(batch, await this.versions(batch));
    for (const { request, response } of joined) work.count(request, response);
    await markJoined(
      this.db,
      joined.map(({ response }) => response),
      batch.at,
    );
    await this.wait(waiting, batch, work);
    if (batch.expireHalves === true) await this.expire(batch, work);
    return {
      events: work.events,
      picked: this.gate.choose(work.events, batch.models, batch.at),
      dead: work.dead,
      report: { joined: joined.length, waiting: waiting.length, repeated },
    };
  }

  /** Rows as halves; what can no longer be read counts as absent and is replaced by whatever comes. */
  private read(rows: readonly HalfRow[]): ReadonlyMap<string, KnownHalf<PlacedHalf>> {
    const known = new Map<string, KnownHalf<PlacedHalf>>();
    for (const row of rows) {
      const key = halfKey({ model: row.model, id: row.half_id });
      const half = row.joined ? null : this.halfOf(row);
      if (row.joined) known.set(key, 'joined');
      else if (half !== null) known.set(key, half);
    }
    return known;
  }

  private halfOf(row: HalfRow): PlacedHalf | null {
    const { topic, partition, format, offset, key, value, headers, logged_at: timestamp } = row;
    const record = { offset, key, value, headers, timestamp };
    if (format === 'native') return null;
    const decoded = this.decoder.decode(record, format, topic);
    if ('bad' in decoded || decoded.ok.kind !== 'half') return null;
    return { half: decoded.ok, record, format, topic, partition };
  }

  private async wait(waiting: readonly PlacedHalf[], batch: Batch, work: Work): Promise<void> {
    const kept = waiting.map((one) => ({
      ...one,
      ...redactedHalf(one, batch.models.get(one.half.model)?.spec ?? null),
    }));
    await keepWaiting(this.db, kept, batch.at);
    for (const model of new Set(waiting.map(({ half }) => half.model))) {
      for (const row of await takeExcess(this.db, model, this.settings.halfBytes)) {
        work.refuseRow(row, {
          class: 'half-unmatched',
          detail: 'its other half did not come, and there was no more room',
        });
      }
    }
  }

  /** An answer whose request was never logged counts without its input; a request without an answer cannot count. */
  private async expire(batch: Batch, work: Work): Promise<void> {
    const { halfWaitSeconds: seconds } = this.settings;
    const before = new Date(batch.at.getTime() - seconds * 1000);
    for (const model of batch.models.keys()) {
      const alone: PlacedHalf[] = [];
      for (const row of await takeExpired(this.db, model, before, CHUNK)) {
        const half = this.halfOf(row);
        if (half?.half.side === 'response') {
          work.count(null, half);
          alone.push(half);
        } else work.refuseRow(row, { class: 'half-unmatched', detail: `no answer to it came within ${seconds} s` });
      }
      await markJoined(this.db, alone, batch.at);
    }
  }

  private async versions({ models }: Batch): Promise<ReadonlyMap<string, VersionAt>> {
    const known = new Map<string, VersionAt>();
    for (const model of models.keys()) {
      const periods = await this.champions.list(model);
      const candidate = await this.candidateOf(model);
      known.set(model, (arm, at) => {
        if (arm === 'candidate') return candidate;
        // What was logged before we knew the model was answered by the version that it came to us with.
        return (periods.find(({ from }) => from <= at) ?? periods.at(-1))?.champion ?? null;
      });
    }
    return known;
  }
}

/** Collects what comes of halves. */
class Work {
  readonly events: AdmittedEvent[] = [];
  readonly dead: DeadLetter[] = [];
  private readonly redacting: ReadonlySet<string>;

  constructor(
    private readonly batch: Batch,
    private readonly versions: ReadonlyMap<string, VersionAt>,
  ) {
    const views = [...batch.models].filter(([, { spec }]) => redacts(redactionOf(spec.telemetry)));
    this.redacting = new Set(views.map(([model]) => model));
  }

  count(request: PlacedHalf | null, response: PlacedHalf): void {
    const { model } = response.half;
    const view: ModelView | undefined = this.batch.models.get(model);
    if (view === undefined) {
      this.refuse(response, { class: 'unknown-model', detail: 'there is no such model' });
      return;
    }
    const versionAt = this.versions.get(model) ?? (() => null);
    const joined = joinHalves(request?.half ?? null, response.half, view.spec, versionAt);
    if ('bad' in joined) {
      this.refuse(response, joined.bad);
      return;
    }
    const admitted = joined.ok.map((event) => admit(event, view, this.batch.at));
    const refused = admitted.find((one) => 'bad' in one);
    // All rows or none: one letter stands for the whole inference.
    if (refused !== undefined) {
      this.refuse(response, refused.bad);
      return;
    }
    for (const one of admitted) if ('ok' in one) this.events.push(one.ok);
  }

  refuseRow({ model, value, ...row }: HalfRow, reason: BadReason): void {
    this.keep(value, reason, { ...row, model });
  }

  private refuse({ half, topic, partition, record, format }: PlacedHalf, reason: BadReason): void {
    const { offset, headers, value } = record;
    this.keep(value, reason, { topic, partition, offset, model: half.model, format, headers });
  }

  private keep(
    value: Uint8Array | null,
    reason: BadReason,
    {
      topic,
      partition,
      offset,
      model,
      format,
      headers,
    }: Pick<HalfRow, 'topic' | 'partition' | 'offset' | 'model' | 'format' | 'headers'>,
  ): void {
    const place = { topic, partition, offset, model, at: this.batch.at, format, headers };
    const letter = deadLetter(value ?? new Uint8Array(), reason, place);
    this.dead.push(redactLetter(letter, this.batch.models, this.redacting));
  }
}
