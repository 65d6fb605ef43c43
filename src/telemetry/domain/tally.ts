import type { Digest } from '../../kernel/index.js';
import { WindowAccumulator, type WindowShape } from './accumulate-window.js';
import { type AdmittedEvent, windowStartMs } from './admit.js';
import { EventRow, MODEL_ORDER } from './event-row.js';
import { CLASS_FEATURE, type PendingValue, PREDICTION_FEATURE, binOf } from './feature-profile.js';
import type { ModelShape } from './model-shape.js';
import { classCode, otherCode } from './prediction-code.js';

const scratch = new EventRow();

/** What some events add to the windows of their models. The one window engine: the same for events of every way in. */
export class Tally {
  readonly models = new Map<string, ModelTally>();

  /** Counts one event that was not counted before. */
  add({ event }: AdmittedEvent, shape: ModelShape): void {
    scratch.load(event);
    this.of(shape).add(scratch);
  }

  /** What is counted of a model; made when it is not there. */
  of(shape: ModelShape): ModelTally {
    const { name } = shape.view;
    const known = this.models.get(name);
    if (known !== undefined) return known;
    const made = new ModelTally(shape);
    this.models.set(name, made);
    return made;
  }
}

/** The same of one model. */
export class ModelTally implements WindowShape {
  readonly windows = new Map<string, WindowAccumulator>();
  /** Values by feature that wait for their bins. */
  readonly waiting = new Map<string, PendingValue[]>();
  /** Events counted. */
  requests = 0;
  late = 0;
  future = 0;
  private last: WindowAccumulator | null = null;
  private names: readonly string[] | null = null;
  private slots: Int16Array = new Int16Array();
  /** Edges that became fixed in the transaction that writes this; it may yet be rolled back, so the shape does not know them. */
  private readonly learned = new Map<number, readonly number[]>();

  constructor(readonly shape: ModelShape) {}

  get features(): readonly string[] {
    return this.shape.features;
  }

  edgesOf(feature: number): readonly number[] | null {
    return this.learned.get(feature) ?? this.shape.table.fixed[feature] ?? null;
  }

  /** Counts one event; its prediction has been checked against the number of classes. */
  add(row: EventRow): void {
    let window = this.last;
    if (
      window === null ||
      row.at >= window.end ||
      row.at < window.key.start ||
      row.version !== window.key.version ||
      window.key.seconds !== this.shape.view.windowSeconds
    ) {
      const seconds = this.shape.view.windowSeconds;
      window = this.windowOf(row.version, windowStartMs(row.at, seconds), seconds);
    }
    this.requests += 1;
    window.requests += 1;
    if (row.at > window.newest) window.newest = row.at;
    if (row.error !== null) window.errors += 1;
    if (!Number.isNaN(row.latencyMs)) window.latency.add(row.latencyMs);
    if (!Number.isNaN(row.confidence)) window.addConfidence(row.confidence);
    if (!Number.isNaN(row.prediction)) this.addPrediction(row, window);
    this.addFeatures(row, window);
  }

  /** Counts values that have waited for their bins. */
  release(feature: string, edges: readonly number[], values: readonly PendingValue[]): void {
    const slot = this.shape.features.indexOf(feature);
    if (slot >= 0) this.learned.set(slot, edges);
    const top = feature === CLASS_FEATURE ? new Set(edges) : null;
    for (const { value, version, start, seconds } of values) {
      const window = this.windowOf(version, start, seconds);
      if (top !== null) window.addPrediction(top.has(value) ? classCode(value) : otherCode(value));
      else if (feature === PREDICTION_FEATURE) window.addPrediction(classCode(binOf(edges, value)));
      else if (slot >= 0) window.addToBin(slot, binOf(edges, value));
    }
  }

  private addPrediction(row: EventRow, window: WindowAccumulator): void {
    const { prediction } = row;
    if (!Number.isNaN(row.shadowPrediction)) {
      window.compared += 1;
      if (row.shadowPrediction === prediction) window.agreed += 1;
    }
    const { shape } = this;
    const slot = shape.predictionSlot;
    if (slot >= 0) {
      window.addMoment(slot, prediction);
      if (shape.table.fixed[slot] === null) this.wait(PREDICTION_FEATURE, prediction, window);
      else window.addPrediction(classCode(shape.table.binOf(slot, prediction)));
    } else if (!shape.hasManyClasses) window.addPrediction(classCode(prediction));
    else if (shape.topClasses === null) this.wait(CLASS_FEATURE, prediction, window);
    else window.addPrediction(shape.topClasses.has(prediction) ? classCode(prediction) : otherCode(prediction));
  }

  private addFeatures({ names, values, count }: EventRow, window: WindowAccumulator): void {
    if (names !== this.names) {
      this.names = names;
      this.slots = names === MODEL_ORDER ? Int16Array.from({ length: count }, (_, i) => i) : this.shape.slotsOf(names);
    }
    const { slots } = this;
    const { table } = this.shape;
    for (let i = 0; i < count; i += 1) {
      const slot = slots[i] as number;
      if (slot < 0) continue;
      const value = values[i] as number;
      window.addMoment(slot, value);
      if (table.fixed[slot] === null) this.wait(this.shape.features[slot] ?? '', value, window);
      else window.addToBin(slot, table.binOf(slot, value));
    }
  }

  private windowOf(version: Digest, start: number, seconds: number): WindowAccumulator {
    const name = `${version} ${start} ${seconds}`;
    let window = this.windows.get(name);
    if (window === undefined) {
      window = new WindowAccumulator(this.shape.view.name, { version, start, seconds }, this);
      this.windows.set(name, window);
    }
    this.last = window;
    return window;
  }

  private wait(feature: string, value: number, { key }: WindowAccumulator): void {
    const pending = { value, version: key.version, start: key.start, seconds: key.seconds };
    const list = this.waiting.get(feature);
    if (list === undefined) this.waiting.set(feature, [pending]);
    else list.push(pending);
  }
}
