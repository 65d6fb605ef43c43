import type { Clock, Digest, FactBus } from '../../kernel/index.js';
import { Scorer } from '../../serving/index.js';
import {
  AnswerLedger,
  type LabelledAnswer,
  type OutputPair,
  OutputPairStore,
  type PairedAnswer,
  type Sample,
  SampleStore,
  type Snapshot,
  type Window,
  WindowStore,
} from '../../telemetry/index.js';
import type { EncodedText } from '../domain/bert-score.js';
import { EncodingFailed } from '../domain/errors.js';
import { boundWish, type EvidenceWish } from '../domain/evidence-wish.js';
import { type Finding, FindingChanged } from '../domain/finding.js';
import type { RescoredSample, RescoreTally, Watch } from '../domain/watch.js';
import {
  type Baseline,
  BaselineStore,
  type DetectorRecord,
  DetectorStore,
  Encoder,
  EvidenceRequests,
  FindingStore,
  RescoreLedger,
} from '../ports.js';

const keyOf = (watch: Watch): string => `${watch.model}/${watch.version}/${watch.since.getTime()}`;

export class FakeFindingStore extends FindingStore {
  readonly findings = new Map<string, Finding>();
  constructor(private readonly facts?: FactBus) {
    super();
  }
  override async list(model: string, version: Digest): Promise<Finding[]> {
    return [...this.findings.values()].filter((each) => each.model === model && each.version === version);
  }
  override async save(...findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) {
      const { model, version, monitor, state } = finding;
      const key = `${model}/${version}/${monitor}`;
      const before = this.findings.get(key);
      this.findings.set(key, finding);
      if (before?.state !== state) await this.facts?.publish(FindingChanged, { model, monitor, state });
    }
  }
}

/** Keeps states as JSON, as the real one does. */
export class FakeDetectorStore extends DetectorStore {
  readonly records = new Map<string, Map<string, string>>();
  override async load(watch: Watch): Promise<ReadonlyMap<string, DetectorRecord>> {
    const stored = this.records.get(keyOf(watch)) ?? new Map<string, string>();
    return new Map([...stored].map(([name, json]) => [name, JSON.parse(json) as DetectorRecord]));
  }
  override async save(watch: Watch, name: string, record: DetectorRecord): Promise<void> {
    const stored = this.records.get(keyOf(watch)) ?? new Map<string, string>();
    this.records.set(keyOf(watch), stored.set(name, JSON.stringify(record)));
  }
}

export class FakeBaselineStore extends BaselineStore {
  readonly baselines = new Map<string, Baseline>();
  override async find(watch: Watch): Promise<Baseline | null> {
    return this.baselines.get(keyOf(watch)) ?? null;
  }
  override async freeze(watch: Watch, baseline: Baseline): Promise<void> {
    if (!this.baselines.has(keyOf(watch))) this.baselines.set(keyOf(watch), baseline);
  }
}

interface Row extends RescoredSample {
  label?: number;
  labelSequence?: number;
}

/** One watch at a time is enough for tests; the period's start is kept to. */
export class FakeRescoreLedger extends RescoreLedger {
  rows: Row[] = [];
  private labels = 0;
  override async newestSequence(): Promise<number> {
    return Math.max(0, ...this.rows.map((row) => row.sequence));
  }
  override async add(_watch: Watch, rows: readonly RescoredSample[]): Promise<void> {
    for (const row of rows)
      if (!this.rows.some((known) => known.requestId === row.requestId)) this.rows.push({ ...row });
  }
  override async unlabelled(watch: Watch, since: Date, limit: number): Promise<string[]> {
    return this.of(watch)
      .filter((row) => row.at >= since && row.label === undefined)
      .map((row) => row.requestId)
      .slice(0, limit);
  }
  override async label(_watch: Watch, labels: ReadonlyMap<string, number>): Promise<void> {
    for (const row of this.rows) {
      const label = labels.get(row.requestId);
      if (label === undefined || row.label !== undefined) continue;
      this.labels += 1;
      Object.assign(row, { label, labelSequence: this.labels });
    }
  }
  override async comparedAfter(watch: Watch, after: number, limit: number): Promise<RescoredSample[]> {
    return this.of(watch)
      .filter((row) => row.sequence > after)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit);
  }
  override async labelledAfter(watch: Watch, after: number, limit: number) {
    return this.of(watch)
      .flatMap((row) =>
        row.label !== undefined && row.labelSequence !== undefined
          ? [{ ...row, label: row.label, labelSequence: row.labelSequence }]
          : [],
      )
      .filter((row) => row.labelSequence > after)
      .sort((a, b) => a.labelSequence - b.labelSequence)
      .slice(0, limit);
  }
  override async tally(watch: Watch, since: Date): Promise<RescoreTally> {
    const rows = this.of(watch).filter((row) => row.at >= since);
    const labelled = rows.filter((row) => row.label !== undefined);
    return {
      compared: rows.length,
      disagreements: rows.filter((row) => row.champion !== row.reference).length,
      labelled: labelled.length,
      championErrors: labelled.filter((row) => row.champion !== row.label).length,
      referenceErrors: labelled.filter((row) => row.reference !== row.label).length,
    };
  }
  override async forget(_model: string, before: Date): Promise<void> {
    this.rows = this.rows.filter((row) => row.at >= before);
  }
  private of(watch: Watch): Row[] {
    return this.rows.filter((row) => row.at >= watch.since);
  }
}

export class FakeSampleStore extends SampleStore {
  samples: Sample[] = [];
  arrived = new Map<string, number>();
  override async after(_model: string, version: Digest, after: number, limit: number): Promise<Sample[]> {
    return this.samples.filter((each) => each.version === version && each.sequence > after).slice(0, limit);
  }
  override async inputs(): Promise<ReadonlyMap<string, Float32Array>> {
    return new Map(this.samples.map((each) => [each.requestId, each.input]));
  }
  override async labels(_model: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Map([...this.arrived].filter(([id]) => ids.includes(id)));
  }
  override async count(_model: string, since: Date): Promise<{ rows: number; labelled: number }> {
    const rows = this.samples.filter((each) => each.at >= since);
    return { rows: rows.length, labelled: rows.filter((each) => this.arrived.has(each.requestId)).length };
  }
  override snapshot(): Promise<Snapshot> {
    return Promise.reject(new Error('no snapshots here'));
  }
}

export class FakeAnswerLedger extends AnswerLedger {
  answers: LabelledAnswer[] = [];
  override async labelledAfter(
    _model: string,
    version: Digest,
    after: number,
    limit: number,
  ): Promise<LabelledAnswer[]> {
    return this.answers.filter((each) => each.version === version && each.sequence > after).slice(0, limit);
  }
  override async pairs(): Promise<PairedAnswer[]> {
    return [];
  }
}

export class FakeWindowStore extends WindowStore {
  windows: Window[] = [];
  override async list(_model: string, version: Digest, since: Date): Promise<Window[]> {
    return this.windows.filter((each) => each.version === version && each.start >= since);
  }
  override async listModel(_model: string, since: Date): Promise<Window[]> {
    return this.windows.filter((each) => each.start >= since);
  }
}

/** Answers what `answer` makes of a row; `failure` makes it reject. */
export class FakeScorer extends Scorer {
  failure: Error | null = null;
  constructor(private readonly answer: (row: Float32Array) => number) {
    super();
  }
  override async score(_model: string, _digest: Digest, inputs: Float32Array, rows: number) {
    if (this.failure !== null) throw this.failure;
    const width = inputs.length / rows;
    return Array.from({ length: rows }, (_, i) => ({
      prediction: this.answer(inputs.subarray(i * width, (i + 1) * width)),
      confidence: 1,
    }));
  }
}

/** One wish a model, bounded and void after its time as the real one keeps it. */
export class FakeEvidenceRequests extends EvidenceRequests {
  readonly wishes = new Map<string, EvidenceWish>();
  constructor(private readonly clock: Clock) {
    super();
  }
  override async request(model: string, wish: EvidenceWish): Promise<void> {
    const { samples, reason, until } = boundWish(wish, this.clock.now());
    const before = await this.current(model);
    this.wishes.set(model, {
      samples: Math.max(samples, before?.samples ?? 0),
      reason,
      until: new Date(Math.max(until.getTime(), before?.until.getTime() ?? 0)),
    });
  }
  override async current(model: string): Promise<EvidenceWish | null> {
    const wish = this.wishes.get(model);
    return wish !== undefined && wish.until > this.clock.now() ? wish : null;
  }
}

export class FakeOutputPairStore extends OutputPairStore {
  kept: OutputPair[] = [];
  override async after(
    _model: string,
    _version: Digest,
    _shadow: Digest,
    after: number,
    limit: number,
  ): Promise<OutputPair[]> {
    return this.kept.filter((pair) => pair.sequence > after).slice(0, limit);
  }
}

/** One token a letter, each letter its own direction; `failure` makes it reject. */
export class FakeEncoder extends Encoder {
  unavailable: string | null = null;
  failure: string | null = null;
  override async close(): Promise<void> {}
  override async encode(texts: readonly string[]): Promise<EncodedText[]> {
    const { failure } = this;
    if (failure !== null) throw new EncodingFailed(failure);
    return texts.map((text) => ({
      tokens: Array.from(text, (letter) => {
        const embedding = new Float32Array(32);
        embedding[letter.charCodeAt(0) % 32] = 1;
        return embedding;
      }),
      special: [],
    }));
  }
}
